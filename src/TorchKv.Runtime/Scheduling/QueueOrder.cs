namespace TorchKv.Runtime.Scheduling;

/// <summary>In which order waiting requests of one priority are admitted.</summary>
public enum QueueOrder
{
    /// <summary>As they came.</summary>
    FirstComeFirstServed,

    /// <summary>The one with the fewest prompt tokens first; a stream of short ones can keep a long one waiting.</summary>
    ShortestPromptFirst,
}
