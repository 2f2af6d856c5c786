namespace TorchKv.Runtime.Contracts.Live;

/// <summary>What happens to a request.</summary>
public enum LivePhase
{
    /// <summary>It waits to be admitted.</summary>
    Queued,

    /// <summary>Its prompt is computed, or computed again after a preemption.</summary>
    Prefill,

    /// <summary>Tokens are generated.</summary>
    Decode,

    /// <summary>It has lost its blocks to another request, and waits.</summary>
    Preempted,

    /// <summary>It has its answer.</summary>
    Done,

    /// <summary>Its caller left.</summary>
    Cancelled,

    /// <summary>It ended with an error.</summary>
    Failed,

    /// <summary>Its constraint is compiled; then it waits to be admitted.</summary>
    Compile,
}
