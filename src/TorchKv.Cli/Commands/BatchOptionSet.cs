using System.CommandLine;
using TorchKv.Batch.Configuration;
using TorchKv.Cli.CommandLine;

namespace TorchKv.Cli.Commands;

/// <summary>The options of a server that has files and batches.</summary>
internal sealed class BatchOptionSet
{
    private readonly Option<int?> _concurrency = Values.Integer(
        "--batch-concurrency", "N", 1, 1 << 14, "requests of batches that run at once (32)");
    private readonly Option<int?> _busy = Values.Integer(
        "--batch-concurrency-busy", "N", 0, 1 << 14, "those begun at once while other requests run (4)");
    private readonly Option<float?> _lease = Values.Real(
        "--batch-lease",
        "SECONDS",
        "from 0.5 to 86400",
        value => value is >= 0.5f and <= 86400,
        "a server that says nothing for this long loses its requests to others (60)");
    private readonly Option<bool> _noWorker = Values.Flag(
        "--no-batch-worker", "takes and shows batches, and leaves their requests to other servers");

    public IReadOnlyList<Option> All => [_concurrency, _busy, _lease, _noWorker];

    /// <summary>How batches are stored and run; null: they are not.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="connection">The database; null: none.</param>
    /// <param name="isRouter">A router runs no batch.</param>
    /// <exception cref="UsageException">An option is given without a database, or to a router.</exception>
    public BatchOptions? Read(ParseResult parsed, string? connection, bool isRouter)
    {
        if (connection is null || isRouter)
        {
            return All.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is { } stray
                ? throw new UsageException(
                    isRouter
                        ? $"{stray.Name} is an option of replicas; a router runs no batch."
                        : $"{stray.Name} goes with --postgres.")
                : null;
        }

        var options = new BatchOptions { Connection = connection };
        options.Concurrency = parsed.GetValue(_concurrency) ?? options.Concurrency;
        options.ConcurrencyWhenBusy = parsed.GetValue(_busy) ?? options.ConcurrencyWhenBusy;
        options.Lease = parsed.GetValue(_lease) is { } seconds ? TimeSpan.FromSeconds(seconds) : options.Lease;
        options.Works = !parsed.GetValue(_noWorker);
        return options;
    }
}
