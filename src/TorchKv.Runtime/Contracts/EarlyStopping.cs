namespace TorchKv.Runtime.Contracts;

/// <summary>When beam search stops looking for better sequences; HuggingFace's <c>early_stopping</c>.</summary>
public enum EarlyStopping
{
    /// <summary>
    /// <c>False</c>: when no running beam, judged by its length so far, can beat the worst finished sequence.
    /// </summary>
    Heuristic,

    /// <summary><c>True</c>: as soon as there are as many finished sequences as beams.</summary>
    WhenFull,

    /// <summary>
    /// <c>"never"</c>: when no running beam, judged by the length that favours it most, can beat the worst finished
    /// sequence.
    /// </summary>
    WhenCertain,
}
