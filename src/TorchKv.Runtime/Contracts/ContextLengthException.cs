namespace TorchKv.Runtime.Contracts;

/// <summary>
/// Thrown before anything changes when a call would take a sequence past the context length or a cache past its
/// capacity.
/// </summary>
public sealed class ContextLengthException : TorchKvException
{
    /// <summary>A refusal that names used, requested and capacity, all in tokens.</summary>
    /// <param name="used">Tokens that the sequence or cache has.</param>
    /// <param name="requested">Tokens asked for in addition.</param>
    /// <param name="capacity">The most tokens that it can have.</param>
    public ContextLengthException(long used, long requested, long capacity)
        : base(
            $"{used} tokens used + {requested} requested = {used + requested}, "
            + $"but the context holds {capacity} tokens.")
    {
        Used = used;
        Requested = requested;
        Capacity = capacity;
    }

    /// <summary>Tokens that the sequence or cache has.</summary>
    public long Used { get; }

    /// <summary>Tokens asked for in addition.</summary>
    public long Requested { get; }

    /// <summary>The most tokens that it can have.</summary>
    public long Capacity { get; }
}
