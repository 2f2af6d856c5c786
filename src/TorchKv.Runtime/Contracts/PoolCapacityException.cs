namespace TorchKv.Runtime.Contracts;

/// <summary>
/// Thrown when a request could need more KV blocks than the whole pool has, even with nothing else running.
/// </summary>
public sealed class PoolCapacityException : TorchKvException
{
    /// <summary>A refusal that names both sides, in blocks.</summary>
    /// <param name="needed">Blocks that the request could need.</param>
    /// <param name="capacity">Blocks in the pool.</param>
    /// <param name="blockSize">Tokens in a block.</param>
    public PoolCapacityException(long needed, long capacity, int blockSize)
        : base(
            $"The request may need {needed} KV blocks of {blockSize} tokens, but the pool has {capacity}; "
            + "ask for fewer tokens or samples, or load with a larger pool.")
    {
        Needed = needed;
        Capacity = capacity;
    }

    /// <summary>Blocks that the request could need.</summary>
    public long Needed { get; }

    /// <summary>Blocks in the pool.</summary>
    public long Capacity { get; }
}
