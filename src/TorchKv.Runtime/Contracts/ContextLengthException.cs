namespace TorchKv.Runtime.Contracts;

/// <summary>Thrown before anything changes when a call would take a sequence past the context length or a cache past its capacity.</summary>
public sealed class ContextLengthException : TorchKvException
{
    /// <summary>A refusal that names used, requested and capacity, all in tokens.</summary>
    /// <param name="used">Tokens there already.</param>
    /// <param name="requested">Tokens asked for on top.</param>
    /// <param name="capacity">The most there can be.</param>
    public ContextLengthException(long used, long requested, long capacity)
        : base($"{used} tokens used + {requested} requested = {used + requested}, but the context holds {capacity} tokens.")
    {
        Used = used;
        Requested = requested;
        Capacity = capacity;
    }

    /// <summary>Tokens there already.</summary>
    public long Used { get; }

    /// <summary>Tokens asked for on top.</summary>
    public long Requested { get; }

    /// <summary>The most there can be.</summary>
    public long Capacity { get; }
}
