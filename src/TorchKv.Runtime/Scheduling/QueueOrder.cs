namespace TorchKv.Runtime.Scheduling;

/// <summary>The order in which waiting requests of one priority are admitted.</summary>
public enum QueueOrder
{
    /// <summary>In the order of their submission.</summary>
    FirstComeFirstServed,

    /// <summary>
    /// The one with the fewest prompt tokens first; a stream of short ones can keep a long one waiting.
    /// </summary>
    ShortestPromptFirst,
}
