namespace TorchKv.Server.Internal;

/// <summary>What a replica says of itself to routers.</summary>
internal sealed record ReplicaStatus
{
    /// <summary>A name that each start of the process has for itself.</summary>
    public required string StartId { get; init; }

    /// <summary>The name that operators know it by.</summary>
    public required string Name { get; init; }

    /// <summary>loading, ready, draining or failed.</summary>
    public required string State { get; init; }

    public required string Version { get; init; }

    /// <summary>The model's id in requests; null while it is being loaded.</summary>
    public string? Model { get; init; }

    /// <summary>
    /// SHA-256 of the model's files, the runner and its dtypes: only replicas of one identity go on with each other's
    /// streams. Null while the model is being loaded, or where the generator does not say.
    /// </summary>
    public string? Identity { get; init; }

    /// <summary>The runner and its dtypes, in words.</summary>
    public string? Runner { get; init; }

    public int VocabSize { get; init; }

    public int ContextLength { get; init; }

    public int BlockSize { get; init; }

    public int Blocks { get; init; }

    public int FreeBlocks { get; init; }

    public int Queued { get; init; }

    public int Running { get; init; }
}
