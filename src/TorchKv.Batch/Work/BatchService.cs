using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TorchKv.Batch.Configuration;
using TorchKv.Batch.Store;

namespace TorchKv.Batch.Work;

/// <summary>Runs worker and upkeep beside a server. Nothing that happens to them ends the server.</summary>
internal sealed partial class BatchService(
    BatchOptions options,
    JobStore jobs,
    IJobRunner runner,
    BatchUpkeep upkeep,
    IHostApplicationLifetime lifetime,
    ILoggerFactory loggers) : BackgroundService
{
    private static readonly TimeSpan BetweenStarts = TimeSpan.FromSeconds(5);
    private readonly ILogger _logger = loggers.CreateLogger<BatchService>();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Batches' requests end before those that the server lets finish: they can run elsewhere.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, lifetime.ApplicationStopping);
        await Task.Yield();
        await Task.WhenAll(
            options.Works ? KeepRunningAsync(WorkAsync, stop.Token) : Task.CompletedTask,
            KeepRunningAsync(upkeep.RunAsync, stop.Token)).ConfigureAwait(false);
    }

    private Task WorkAsync(CancellationToken stop) =>
        new BatchWorker(options, jobs, runner, loggers.CreateLogger<BatchWorker>()).RunAsync(stop);

    private async Task KeepRunningAsync(Func<CancellationToken, Task> run, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await run(stop).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogFailed(_logger, e);
                await Task.Delay(BetweenStarts, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(LogLevel.Error, "The work on batches failed; it begins again.")]
    private static partial void LogFailed(ILogger logger, Exception error);
}
