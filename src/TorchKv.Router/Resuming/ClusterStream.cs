using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using TorchKv.Cluster.Routing;
using TorchKv.Router.Forwarding;
using TorchKv.Router.Metrics;
using TorchKv.Router.Replicas;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Internal;
using TorchKv.Server.Resuming;

namespace TorchKv.Router.Resuming;

/// <summary>One generation over as many replicas as it takes.</summary>
/// <remarks>Belongs to one request; not thread-safe.</remarks>
internal sealed class ClusterStream(
    ClusterParts parts, ModelShape model, HopContext hop, int[] prompt, GenerationOptions options)
{
    private readonly Progress _progress = new(prompt, options);
    private readonly Attempts _attempts = new(parts);
    private readonly long _startedAt = parts.Time.GetTimestamp();
    private long _pieceAt = parts.Time.GetTimestamp();
    private bool _isResumed;

    /// <summary>The identity that replicas must have, where the ids before came from one; null: any.</summary>
    public string? Identity { get; init; }

    /// <summary>The pieces, as one engine would give them.</summary>
    public async IAsyncEnumerable<GeneratedPiece> ReadAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            if (options.Samples > 1 && _progress.HasBegun)
            {
                // Each row goes on from its own ids, so each is a generation of its own.
                await foreach (var piece in EachRowAsync(cancellationToken).ConfigureAwait(false))
                {
                    yield return piece;
                }

                yield break;
            }

            var (ids, own) = _progress.Continue();
            var chain = new DigestChain(own.CacheSalt, parts.Pool.BlockSize);
            chain.Append(ids);
            var lease = await _attempts.NextAsync(chain, Identity ?? _progress.Identity, IsStarted, cancellationToken)
                .ConfigureAwait(false);
            using var span = RouterTelemetry.Attempt(lease.Replica.Name, own.GeneratedBefore, hop.Parent);
            ReplicaStream? stream = null;
            ReplicaLostException? loss = null;
            var hasAll = false;
            try
            {
                try
                {
                    stream = await OpenAsync(lease, ids, own, span, cancellationToken).ConfigureAwait(false);
                }
                catch (Exception e) when (LossOf(e) is { } lost)
                {
                    loss = lost;
                }

                while (loss is null)
                {
                    GeneratedPiece? piece = null;
                    try
                    {
                        piece = await stream!.NextAsync().ConfigureAwait(false);
                        hasAll = piece is null && _progress.HasEnded;
                        loss = piece is null && !hasAll
                            ? new ReplicaLostException(LossReason.Garbled, "A stream ended without a finish reason.")
                            : null;
                    }
                    catch (Exception e) when (LossOf(e) is { } lost)
                    {
                        // Its last piece was there, and only the mark of the end was not.
                        hasAll = _progress.HasEnded;
                        loss = hasAll ? null : lost;
                    }

                    if (piece is null)
                    {
                        break;
                    }

                    Take(piece, lease);
                    yield return piece;
                }
            }
            finally
            {
                _progress.AppendTo(chain);
                parts.Pool.End(lease, hasAll ? chain : null);
                if (stream is not null)
                {
                    await stream.DisposeAsync().ConfigureAwait(false);
                }
            }

            if (loss is null)
            {
                yield break;
            }

            span?.SetStatus(ActivityStatusCode.Error, loss.Reason.ToString());
            _attempts.Failed(lease, loss);
            _isResumed = true;
        }
    }

    /// <summary>Whether the reader has a part of the answer.</summary>
    private bool IsStarted => _progress.HasBegun || options.GeneratedBefore > 0;

    /// <summary>What another replica may go on after; null: the error is the request's.</summary>
    /// <remarks>
    /// A replica took what a later one refuses, so the refusal is no fault of the request: a busy machine may not
    /// compile a constraint in time, for instance.
    /// </remarks>
    private ReplicaLostException? LossOf(Exception error) => error switch
    {
        ReplicaLostException loss => loss,
        ApiException { Status: not 504 } told when IsStarted =>
            new ReplicaLostException(LossReason.Failed, told.Message, told) { Error = told },
        _ => null,
    };

    private Task<ReplicaStream> OpenAsync(
        Lease lease, int[] ids, GenerationOptions own, Activity? span, CancellationToken cancellationToken)
    {
        var left = own.Deadline - parts.Time.GetElapsedTime(_startedAt);
        if (left <= TimeSpan.Zero)
        {
            throw new DeadlineExceededException(own.Deadline!.Value, own.GeneratedBefore);
        }

        return ReplicaStream.OpenAsync(
            parts.Client,
            lease.Replica,
            new InternalRequest { PromptTokenIds = ids, Options = own with { Deadline = left } },
            model,
            hop.Headers(span),
            parts.Watch,
            cancellationToken);
    }

    private void Take(GeneratedPiece piece, Lease lease)
    {
        if (!_progress.HasBegun)
        {
            hop.ServedBy(lease.Replica.Name);
            parts.Metrics.FirstPiece.Observe(parts.Time.GetElapsedTime(_startedAt).TotalSeconds);
        }

        if (_attempts.Succeeded())
        {
            parts.Pool.FirstToken(lease);
            if (_isResumed && _progress.HasBegun)
            {
                parts.Metrics.ResumeGap.Observe(parts.Time.GetElapsedTime(_pieceAt).TotalSeconds);
            }
        }

        _pieceAt = parts.Time.GetTimestamp();
        _progress.Take(piece, lease.Status.Identity);
    }

    /// <summary>Goes on with every row that has not ended.</summary>
    private async IAsyncEnumerable<GeneratedPiece> EachRowAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

        // Bounded by the tokens that were asked for.
        var channel = Channel.CreateUnbounded<GeneratedPiece>(new UnboundedChannelOptions { SingleReader = true });
        var rows = Enumerable.Range(0, options.Samples)
            .Where(row => !_progress.HasEndedRow(row))
            .Select(row => PumpAsync(row, channel.Writer, stop))
            .ToArray();
        var all = CompleteAsync(rows, channel.Writer);
        try
        {
            await foreach (var piece in channel.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                yield return piece;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await all.ConfigureAwait(false);
        }
    }

    private async Task PumpAsync(int row, ChannelWriter<GeneratedPiece> output, CancellationTokenSource stop)
    {
        var (ids, own) = ResumePoint.Continue(
            prompt, options with { PromptLogProbs = options.PromptLogProbs && row == 0 && !_progress.HasPromptScores },
            row,
            _progress.IdsOf(row));
        var stream = new ClusterStream(parts, model, hop, [.. ids], own) { Identity = Identity ?? _progress.Identity };
        try
        {
            await foreach (var piece in stream.ReadAsync(stop.Token).ConfigureAwait(false))
            {
                output.TryWrite(piece with { Row = row });
            }
        }
        catch (Exception e)
        {
            // One row's failure is the request's: the others end too.
            output.TryComplete(e);
            await stop.CancelAsync().ConfigureAwait(false);
        }
    }

    private static async Task CompleteAsync(Task[] rows, ChannelWriter<GeneratedPiece> output)
    {
        await Task.WhenAll(rows).ConfigureAwait(false);
        output.TryComplete();
    }
}
