namespace TorchKv.Benchmarks.Cluster;

/// <summary>Streams during which something happens.</summary>
/// <param name="Answers">The streams.</param>
/// <param name="Expected">What they are without the fault.</param>
/// <param name="Hit">The replicas that were hit.</param>
/// <param name="HitAt">When, in ticks of the stopwatch.</param>
internal sealed record FaultRound(
    ClusterAnswer[] Answers, ClusterAnswer[] Expected, IReadOnlyList<string> Hit, long HitAt)
{
    /// <summary>Streams that came to their end and are equal to the byte, usage included.</summary>
    public int Equal => Answers.Zip(Expected).Count(pair => pair.First.Equals(pair.Second, andUsage: true));

    public int Complete => Answers.Count(answer => answer.IsWhole);

    /// <summary>Streams that had begun at a replica that was hit, and had not ended.</summary>
    public IEnumerable<ClusterAnswer> Cut =>
        Answers.Where(answer => answer.Replica is { } name && Hit.Contains(name) && answer.EndedAt > HitAt);

    /// <summary>Starts streams and waits until a share of their tokens has come.</summary>
    /// <param name="address">Where they are read from.</param>
    /// <param name="requests">The requests.</param>
    /// <param name="events">Events after which the fault comes.</param>
    /// <param name="fault">Called then; it says which replicas it hit.</param>
    /// <param name="expected">What the streams are without the fault.</param>
    public static async Task<FaultRound> RunAsync(
        Uri address,
        ClusterRequest[] requests,
        int events,
        Func<Task<IReadOnlyList<string>>> fault,
        ClusterAnswer[] expected)
    {
        var come = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var count = 0;
        using var client = new ClusterClient(address)
        {
            OnEvent = () =>
            {
                if (Interlocked.Increment(ref count) == events)
                {
                    come.TrySetResult();
                }
            },
        };
        var reading = client.ReadAllAsync(requests);
        await Task.WhenAny(come.Task, reading);
        var at = System.Diagnostics.Stopwatch.GetTimestamp();
        var hit = await fault();
        return new FaultRound(await reading, expected, hit, at);
    }
}
