namespace TorchKv.Runtime.Contracts.Live;

/// <summary>What an engine has done since it was asked last.</summary>
/// <param name="Time">Milliseconds since the watch began.</param>
/// <param name="Blocks">Blocks that changed, as they are now.</param>
/// <param name="Requests">Requests that changed, as they are now; of their spans only those that are new or
/// longer.</param>
/// <param name="Steps">The steps since then, the oldest first; the last 300 at most.</param>
/// <param name="Counters">What the engine has counted since it started.</param>
public sealed record LiveChanges(
    double Time,
    IReadOnlyList<LiveBlock> Blocks,
    IReadOnlyList<LiveRequest> Requests,
    IReadOnlyList<LiveStep> Steps,
    LiveCounters Counters);
