using System.Runtime.CompilerServices;
using System.Threading.Channels;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Serving.Sessions;

namespace TorchKv.Cli.Models;

internal sealed partial class RunnerLanguageModel
{
    private Engine? _engine;

    /// <summary>What session files are checked by; set before the engine is first wanted.</summary>
    public string? Identity { get; set; }

    /// <summary>The engine over the runner, made when it is first wanted: from then on the pool's blocks are the engine's.</summary>
    public Engine Engine => _engine ??= new Engine(_runner, Tokenizer, new EngineOptions
    {
        Scheduling = new SchedulingOptions { MaxQueuedRequests = Prompts.MaxBatch },
        ModelIdentity = Identity is null ? null : ModelIdentity.OfText(Identity),
    });

    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(IReadOnlyList<int[]> prompts, GenerationOptions options, CancellationToken cancellationToken) =>
        Noting(prompts.Count == 1 ? GenerateRowAsync(0, prompts[0], options, cancellationToken) : MergeAsync(prompts, options, cancellationToken), cancellationToken);

    public async Task<IReadOnlyList<BeamResult>> BeamSearchAsync(int[] prompt, BeamRequest request, CancellationToken cancellationToken)
    {
        var found = new List<BeamResult>();
        var pieces = GenerateRowAsync(0, prompt, request.Options with { Beams = request.Beams }, cancellationToken);
        await foreach (var piece in pieces.ConfigureAwait(false))
        {
            found.Add(new BeamResult(piece.TokenIds, Tokenizer is null ? null : piece.Text, piece.Score ?? 0, piece.FinishReason ?? FinishReason.Length));
        }

        Note(prompt.Length + found.Max(beam => beam.Ids.Count), request.Beams.NumBeams);
        return found;
    }

    private async IAsyncEnumerable<GeneratedPiece> GenerateRowAsync(int row, int[] prompt, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (prompt.Length == Config.ContextLength && options.Beams is null)
        {
            // The context is full: the text has reached its end before its first token.
            yield return new GeneratedPiece { Row = row, FinishReason = FinishReason.Length, Usage = new Usage(prompt.Length, 0) };
            yield break;
        }

        await foreach (var piece in Engine.GenerateAsync(prompt, options, cancellationToken).ConfigureAwait(false))
        {
            yield return row == 0 ? piece : piece with { Row = row };
        }
    }

    /// <summary>Every prompt is a request of its own; the engine batches them.</summary>
    private async IAsyncEnumerable<GeneratedPiece> MergeAsync(IReadOnlyList<int[]> prompts, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var merged = Channel.CreateUnbounded<GeneratedPiece>(new UnboundedChannelOptions { SingleReader = true });
        var readers = prompts.Select((prompt, row) => ReadAsync(row, prompt)).ToList();
        var all = Task.WhenAll(readers).ContinueWith(
            done => merged.Writer.TryComplete(done.IsCanceled ? new OperationCanceledException(cancellationToken) : done.Exception?.InnerException),
            TaskScheduler.Default);
        try
        {
            await foreach (var piece in merged.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return piece;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await all.ConfigureAwait(false);
        }

        async Task ReadAsync(int row, int[] prompt)
        {
            try
            {
                await foreach (var piece in GenerateRowAsync(row, prompt, options, stop.Token).ConfigureAwait(false))
                {
                    merged.Writer.TryWrite(piece);
                }
            }
            catch
            {
                // One prompt that fails ends them all: a batch is answered whole or not at all.
                await stop.CancelAsync().ConfigureAwait(false);
                throw;
            }
        }
    }

    private async IAsyncEnumerable<GeneratedPiece> Noting(IAsyncEnumerable<GeneratedPiece> pieces, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Cache = Cache with { Tokens = 0, Bytes = 0 };
        await foreach (var piece in pieces.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            if (piece.Usage is { } usage)
            {
                Note(usage.PromptTokens + usage.CompletionTokens, 1);
            }

            yield return piece;
        }
    }

    private void Note(int tokens, int sequences)
    {
        // The last token is never fed: nobody asks what comes after it.
        var stored = Math.Max(0, tokens - 1);
        var blocks = (stored + _runner.BlockSize - 1) / _runner.BlockSize;
        Cache = new CacheReport(
            CacheKinds.Paged,
            Cache.Tokens + ((long)stored * sequences),
            (long)_runner.BlockCount * _runner.BlockSize,
            Cache.Bytes + ((long)blocks * sequences * _runner.BytesPerBlock));
    }
}
