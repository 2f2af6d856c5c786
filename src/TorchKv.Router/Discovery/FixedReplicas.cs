namespace TorchKv.Router.Discovery;

/// <summary>Replicas that are named one by one.</summary>
internal sealed class FixedReplicas(IReadOnlyList<Uri> addresses) : IReplicaSource
{
    public Task<IReadOnlyList<Uri>> FindAsync(CancellationToken cancellationToken) => Task.FromResult(addresses);
}
