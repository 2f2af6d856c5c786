namespace TorchKv.Simulation.Replicas;

/// <summary>Something that happens at a set time, other than a replica's step.</summary>
/// <param name="Kind">What.</param>
/// <param name="Replica">Which replica, where it is about one.</param>
/// <param name="Conversation">Which conversation, where it is about one.</param>
internal readonly record struct ClusterEvent(
    ClusterEventKind Kind, int Replica = -1, Conversation? Conversation = null);
