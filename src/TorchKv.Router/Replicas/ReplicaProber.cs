using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TorchKv.Router.Configuration;
using TorchKv.Router.Discovery;

namespace TorchKv.Router.Replicas;

/// <summary>Keeps the pool up to date: where the replicas are, and how each of them is.</summary>
internal sealed partial class ReplicaProber(
    RouterOptions options,
    IReplicaSource source,
    ReplicaPool pool,
    ReplicaClient client,
    TimeProvider time,
    ILogger<ReplicaProber> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.DiscoveryInterval, time);
        do
        {
            try
            {
                foreach (var replica in pool.Update(await source.FindAsync(stoppingToken).ConfigureAwait(false)))
                {
                    _ = ProbeAsync(replica, stoppingToken);
                }
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                LogNotFound(logger, e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }

    private async Task ProbeAsync(Replica replica, CancellationToken stop)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop, replica.Gone.Token);
        using var timer = new PeriodicTimer(options.ProbeInterval, time);
        try
        {
            do
            {
                await ProbeOnceAsync(replica, end.Token).ConfigureAwait(false);
            }
            while (await timer.WaitForNextTickAsync(end.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The router stops, or the replica is no longer named.
        }
    }

    private async Task ProbeOnceAsync(Replica replica, CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(options.ProbeTimeout);
        var wasUp = replica.IsUp;
        try
        {
            pool.Heard(replica, await client.StatusAsync(replica, limit.Token).ConfigureAwait(false));
        }
        catch (Exception e) when (
            e is HttpRequestException or JsonException or IOException
            || (e is OperationCanceledException && !stop.IsCancellationRequested))
        {
            pool.Lost(replica);
        }

        if (wasUp != replica.IsUp)
        {
            var state = replica.IsUp ? "takes requests" : replica.Status?.State ?? "does not answer";
            LogState(logger, replica.Name, state);
        }
    }

    [LoggerMessage(LogLevel.Warning, "The replicas' addresses cannot be looked up: {Reason}")]
    private static partial void LogNotFound(ILogger logger, string reason);

    [LoggerMessage(LogLevel.Information, "Replica {Replica}: {State}.")]
    private static partial void LogState(ILogger logger, string replica, string state);
}
