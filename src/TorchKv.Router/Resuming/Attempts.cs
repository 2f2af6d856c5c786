using TorchKv.Cluster.Routing;
using TorchKv.Router.Forwarding;
using TorchKv.Router.Replicas;
using TorchKv.Server.Errors;

namespace TorchKv.Router.Resuming;

/// <summary>Which replicas a generation tries, and when it gives up.</summary>
/// <remarks>Belongs to one generation; not thread-safe.</remarks>
internal sealed class Attempts(ClusterParts parts)
{
    // The wait between two rounds over replicas that all failed.
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    private readonly HashSet<Replica> _tried = [];
    private ReplicaLostException? _last;
    private int _failures;
    private bool _hasPiece;

    /// <summary>The place of the next attempt.</summary>
    /// <param name="chain">The prompt, with what was generated of it.</param>
    /// <param name="identity">The identity that the replica must have; null: any.</param>
    /// <param name="isStarted">Whether the reader has a part of the answer.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ApiException">No replica takes the request, or too many failed on it.</exception>
    public async ValueTask<Lease> NextAsync(
        DigestChain chain, string? identity, bool isStarted, CancellationToken cancellationToken)
    {
        _hasPiece = false;
        var begun = parts.Time.GetTimestamp();
        var limit = isStarted ? parts.Options.WaitToResume : parts.Options.WaitForReplica;
        while (_failures < parts.Options.MostAttempts)
        {
            var changed = parts.Pool.Changed;
            var at = parts.Time.GetTimestamp();
            if (parts.Pool.TryLease(chain, _tried, identity) is { } lease)
            {
                parts.Metrics.Choice.Observe(parts.Time.GetElapsedTime(at).TotalSeconds);
                parts.Metrics.Chosen(lease);
                if (_last is not null)
                {
                    parts.Metrics.Resumes.Add(Word(_last.Reason));
                }

                return lease;
            }

            var left = limit - parts.Time.GetElapsedTime(begun);
            if (left <= TimeSpan.Zero)
            {
                break;
            }

            // Those that failed may be tried again once all have: they may be there again, or have room.
            if (_tried.Count > 0)
            {
                _tried.Clear();
                await Task.Delay(left < s_pause ? left : s_pause, parts.Time, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await Task.WhenAny(changed, Task.Delay(left, parts.Time, cancellationToken)).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }

        var error = Error(isStarted);
        parts.Metrics.Failures.Add(error.Code ?? "error");
        throw error;
    }

    /// <summary>An attempt failed.</summary>
    public void Failed(Lease lease, ReplicaLostException loss)
    {
        (_last, _failures) = (loss, _failures + 1);
        _tried.Add(lease.Replica);
        switch (loss.Reason)
        {
            case LossReason.Connect or LossReason.Stall:
                parts.Pool.Lost(lease.Replica);
                break;
            case LossReason.Refused when loss.Error?.Code == "unavailable":
                parts.Pool.Drains(lease.Replica);
                break;
        }
    }

    /// <summary>A piece came, so the attempt is none of those that failed one after another.</summary>
    /// <returns>Whether it is the attempt's first.</returns>
    public bool Succeeded()
    {
        if (_hasPiece)
        {
            return false;
        }

        _hasPiece = true;
        _failures = 0;
        _tried.Clear();
        return true;
    }

    private ApiException Error(bool isStarted)
    {
        // A failure that every replica would repeat is told as it is; so is that all are full.
        if (_last?.Error is { } told && (_last.Reason == LossReason.Failed || told.Code != "unavailable"))
        {
            return told;
        }

        return isStarted
            ? new ApiException(
                503,
                ApiException.ServerError,
                "stream_lost",
                null,
                "The replica that generated the answer is gone, and no other could go on with it.")
            {
                RetryAfterSeconds = 1,
            }
            : new ApiException(
                503,
                ApiException.ServerError,
                "no_replica",
                null,
                _last is null
                    ? "No replica takes requests at this time."
                    : $"All replicas were tried; the last one failed: {_last.Message}")
            {
                RetryAfterSeconds = 1,
            };
    }

    private static string Word(LossReason reason) => reason.ToString().ToLowerInvariant();
}
