namespace TorchKv.Runtime.Contracts;

/// <summary>Why a generation ended.</summary>
public enum FinishReason
{
    /// <summary>An end-of-text id or a stop text.</summary>
    Stop,

    /// <summary>The token budget or the context's end.</summary>
    Length,
}
