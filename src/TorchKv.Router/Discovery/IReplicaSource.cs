namespace TorchKv.Router.Discovery;

/// <summary>Says where the replicas are at this moment.</summary>
internal interface IReplicaSource
{
    /// <summary>The addresses of the replicas' internal ports.</summary>
    /// <exception cref="Exception">They cannot be looked up; those known before stay.</exception>
    Task<IReadOnlyList<Uri>> FindAsync(CancellationToken cancellationToken);
}
