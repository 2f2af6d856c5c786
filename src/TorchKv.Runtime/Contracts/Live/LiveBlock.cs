namespace TorchKv.Runtime.Contracts.Live;

/// <summary>One block of the pool.</summary>
public sealed record LiveBlock
{
    /// <summary>Its number in the pool, from 0.</summary>
    public required int Index { get; init; }

    /// <summary>Whether it is free, held or cached.</summary>
    public LiveBlockState State { get; init; }

    /// <summary>Sequences and sessions that hold it.</summary>
    public int Holders { get; init; }

    /// <summary>The first requests that hold it, by number. A block that only a session holds has none.</summary>
    public IReadOnlyList<long>? Requests { get; init; }

    /// <summary>Tokens in it.</summary>
    public int Filled { get; init; }

    /// <summary>Its place among its sequence's blocks, from 0.</summary>
    public int Position { get; init; }

    /// <summary>Whether later requests can find it.</summary>
    public bool IsPublished { get; init; }

    /// <summary>The block before it; −1 where it begins a sequence, null where that block is gone.</summary>
    public int? Parent { get; init; }

    /// <summary>Whose it is: 0 for requests without a salt, else a number for each salt.</summary>
    public int Tenant { get; init; }

    /// <summary>Changes when its content is replaced.</summary>
    public long Generation { get; init; }

    /// <summary>When its last holder left, in milliseconds since the watch began; below 0 for before.</summary>
    public double ReleasedAt { get; init; }

    /// <summary>Its token ids; null where the watch is without tokens.</summary>
    public IReadOnlyList<int>? Tokens { get; init; }
}
