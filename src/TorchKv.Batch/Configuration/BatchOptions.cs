using System.Globalization;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Batch.Configuration;

/// <summary>How batches are stored and run.</summary>
public sealed class BatchOptions
{
    /// <summary>Where PostgreSQL is, in Npgsql's form: <c>Host=…;Database=…;Username=…</c>.</summary>
    public required string Connection { get; set; }

    /// <summary>Whether this server runs batches' requests; otherwise it only takes and shows batches.</summary>
    public bool Works { get; set; } = true;

    /// <summary>Requests of batches that run at once while no other request does.</summary>
    public int Concurrency { get; set; } = 32;

    /// <summary>Requests of batches that are begun at once while other requests run.</summary>
    public int ConcurrencyWhenBusy { get; set; } = 4;

    /// <summary>
    /// How long a claimed request is a worker's without a word from it; then another worker may claim it.
    /// </summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>The longest wait before a worker without work asks for some.</summary>
    public TimeSpan Poll { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Runs of a request alone, after a first one that ended its process or failed by the server's fault; then it ends
    /// as an error.
    /// </summary>
    public int MaxTries { get; set; } = 3;

    /// <summary>The largest file, in bytes.</summary>
    public long MaxFileBytes { get; set; } = 1L << 30;

    /// <summary>The most requests of one batch.</summary>
    public int MaxRequests { get; set; } = 5_000_000;

    /// <summary>The most batches of one key that are not finished.</summary>
    public int MaxOpenBatches { get; set; } = 100;

    /// <summary>How long results stay in their table once the batch's files are there.</summary>
    public TimeSpan KeepResults { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Throws where an option cannot be.</summary>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    internal void Validate()
    {
        Check("batch_concurrency", Concurrency, Concurrency is >= 1 and <= 1 << 14, "1 to 16384");
        Check(
            "batch_concurrency_when_busy",
            ConcurrencyWhenBusy,
            ConcurrencyWhenBusy >= 0,
            "at least 0");
        Check("batch_lease", Lease.TotalSeconds, Lease >= TimeSpan.FromSeconds(0.5), "at least 0.5 seconds");
        Check("batch_poll", Poll.TotalSeconds, Poll > TimeSpan.Zero, "above 0 seconds");
        Check("batch_max_tries", MaxTries, MaxTries is >= 1 and <= 100, "1 to 100");
        Check("batch_max_file_bytes", MaxFileBytes, MaxFileBytes >= 1, "at least 1");
        Check("batch_max_requests", MaxRequests, MaxRequests >= 1, "at least 1");
        Check("batch_max_open", MaxOpenBatches, MaxOpenBatches >= 1, "at least 1");
    }

    private static void Check(string name, IFormattable value, bool isValid, string limits)
    {
        if (!isValid)
        {
            throw new OptionException(name, value.ToString(null, CultureInfo.InvariantCulture), limits);
        }
    }
}
