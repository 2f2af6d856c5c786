using Microsoft.Extensions.Logging;
using TorchKv.Batch.Store;

namespace TorchKv.Batch.Work;

/// <summary>Tries again what the database could not do, with growing waits, and says once that it is away.</summary>
internal sealed partial class Persistence(ILogger logger)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);
    private int _isAway;

    /// <summary>Runs something until it succeeds or the token ends it.</summary>
    public async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> action, CancellationToken cancellationToken)
    {
        for (var wait = FirstWait; ; wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
        {
            try
            {
                var result = await action(cancellationToken).ConfigureAwait(false);
                if (Interlocked.Exchange(ref _isAway, 0) == 1)
                {
                    LogBack(logger);
                }

                return result;
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                if (!BatchDatabase.IsPassing(e))
                {
                    // Waiting is all that can be done, since the requests that are no batch's must not suffer.
                    LogFailed(logger, e);
                    wait = LongestWait;
                }
                else if (Interlocked.Exchange(ref _isAway, 1) == 0)
                {
                    LogAway(logger, e.Message);
                }
            }

            // Not all workers at once when the database comes back.
            await Task.Delay(wait * (0.5 + (Random.Shared.NextDouble() / 2)), cancellationToken).ConfigureAwait(false);
        }
    }

    [LoggerMessage(LogLevel.Warning, "The database of batches cannot be reached; batches wait. {Reason}")]
    private static partial void LogAway(ILogger logger, string reason);

    [LoggerMessage(LogLevel.Warning, "The database of batches is back.")]
    private static partial void LogBack(ILogger logger);

    [LoggerMessage(LogLevel.Error, "The database of batches refused a statement; it is tried again.")]
    private static partial void LogFailed(ILogger logger, Exception error);
}
