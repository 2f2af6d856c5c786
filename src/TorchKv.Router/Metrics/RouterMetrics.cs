using TorchKv.Router.Replicas;
using TorchKv.Server.Metrics;

namespace TorchKv.Router.Metrics;

/// <summary>What the router counts. Thread-safe.</summary>
internal sealed class RouterMetrics(ReplicaPool pool) : IMetricsSource
{
    private long _expectedHitBlocks;
    private long _promptBlocks;
    private long _journalFailures;

    /// <summary>Attempts by replica.</summary>
    public LabelledCounter Requests { get; } = new();

    /// <summary>Streams that went on at another replica, by what ended them at the one before.</summary>
    public LabelledCounter Resumes { get; } = new("connect", "broken", "stall", "refused", "failed", "garbled");

    /// <summary>Requests that no replica met, by the error's code.</summary>
    public LabelledCounter Failures { get; } = new();

    /// <summary>Time from a request until a replica sent its first piece.</summary>
    public Histogram FirstPiece { get; } = new(
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60);

    /// <summary>Time in which the router made the prompt's digests and chose a replica.</summary>
    public Histogram Choice { get; } = new(0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01);

    /// <summary>Longest silence of a stream that was resumed, as its client saw it.</summary>
    public Histogram ResumeGap { get; } = new(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 2.5, 5, 10, 30);

    /// <summary>Counts a choice.</summary>
    public void Chosen(Lease lease)
    {
        Requests.Add(lease.Replica.Name);
        Interlocked.Add(ref _expectedHitBlocks, lease.Choice.MatchedBlocks);
        Interlocked.Add(ref _promptBlocks, lease.Choice.PromptTokens / pool.BlockSize);
    }

    /// <summary>Counts writes to the journal's store that failed.</summary>
    public void JournalFailed() => Interlocked.Increment(ref _journalFailures);

    public void Write(PrometheusText text)
    {
        var replicas = pool.All;
        text.Family("torchkv_router_replica_up", "gauge", "Whether a replica takes requests.");
        foreach (var replica in replicas)
        {
            text.Sample("torchkv_router_replica_up", Label(replica), replica.IsUp ? 1 : 0);
        }

        text.Family("torchkv_router_replica_requests", "gauge", "Requests that a replica has, by what it last said.");
        foreach (var replica in replicas)
        {
            text.Sample(
                "torchkv_router_replica_requests",
                Label(replica),
                (replica.Status?.Queued ?? 0) + (replica.Status?.Running ?? 0));
        }

        text.Gauge("torchkv_router_replicas_up", "Replicas that take requests.", pool.UpCount);
        text.Gauge("torchkv_router_index_blocks", "Different blocks in the index of prefixes.", pool.KnownBlocks);
        text.Counter("torchkv_router_requests_total", "Attempts at each replica.", "replica", Requests);
        text.Counter(
            "torchkv_router_resumes_total",
            "Attempts that went on after another failed, by what ended that one.",
            "reason",
            Resumes);
        text.Counter("torchkv_router_failures_total", "Requests that no replica met.", "code", Failures);
        text.Counter(
            "torchkv_router_expected_hit_blocks_total",
            "Blocks of prompts that the chosen replica was thought to have.",
            Interlocked.Read(ref _expectedHitBlocks));
        text.Counter(
            "torchkv_router_prompt_blocks_total", "Full blocks of prompts.", Interlocked.Read(ref _promptBlocks));
        text.Counter(
            "torchkv_router_journal_failures_total",
            "Writes of streams' token ids to the database that failed.",
            Interlocked.Read(ref _journalFailures));
        text.Histogram("torchkv_router_choice_seconds", "Time of digests and choice.", Choice);
        text.Histogram(
            "torchkv_router_first_piece_seconds", "Time until a replica's first piece.", FirstPiece);
        text.Histogram(
            "torchkv_router_resume_gap_seconds", "Silence of a stream that was resumed.", ResumeGap);
    }

    private static string Label(Replica replica) => $"replica=\"{PrometheusText.Escape(replica.Name)}\"";
}
