using System.CommandLine;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Abstractions;
using TorchKv.Batch.Configuration;
using TorchKv.Batch.Store;
using TorchKv.Batch.Work;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Server.Configuration;

namespace TorchKv.Benchmarks.Batch;

/// <summary><c>batch-worker</c>: worker and upkeep of batches over an empty engine, until SIGTERM.</summary>
internal sealed class BatchWorkerCommand : Command
{
    public const string CommandName = "batch-worker";

    private readonly Option<string> _postgres = BenchOption.Required("--postgres", "CONNECTION", "where PostgreSQL is");
    private readonly Option<int> _lease = BenchOption.Number(
        "--lease-milliseconds", 500, 1 << 30, 60_000, "a job's lease");
    private readonly Option<int> _time = BenchOption.Number("--job-milliseconds", 0, 1 << 20, 0, "a job's time");
    private readonly Option<int> _concurrency = BenchOption.Number("--concurrency", 1, 4096, 32, "jobs at once");

    public BatchWorkerCommand()
        : base(CommandName, "A worker of batches over an empty engine.")
    {
        Hidden = true;
        foreach (var option in (Option[])[_postgres, _lease, _time, _concurrency])
        {
            Options.Add(option);
        }

        SetAction((parsed, _) => RunAsync(parsed));
    }

    private async Task<int> RunAsync(ParseResult parsed)
    {
        using var stop = new CancellationTokenSource();
        using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            stop.Cancel();
        });
        var options = new BatchOptions
        {
            Connection = parsed.GetValue(_postgres)!,
            Concurrency = parsed.GetValue(_concurrency),
            Lease = TimeSpan.FromMilliseconds(parsed.GetValue(_lease)),
            Poll = TimeSpan.FromMilliseconds(200),
        };
        await using var database = new BatchDatabase(options.Connection);
        var runner = new EmptyJobRunner(TimeSpan.FromMilliseconds(parsed.GetValue(_time)));
        var worker = new BatchWorker(options, new JobStore(database), runner, NullLogger<BatchWorker>.Instance);
        var upkeep = new BatchUpkeep(
            options,
            new TorchKvServerOptions(),
            new BatchStore(database),
            new FileStore(database),
            new UpkeepStore(database),
            NullLogger<BatchUpkeep>.Instance);
        try
        {
            await Task.WhenAll(worker.RunAsync(stop.Token), upkeep.RunAsync(stop.Token));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // SIGTERM.
        }

        return 0;
    }
}
