using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Scheduling;

/// <summary>What the next step runs. One object, filled anew for each step.</summary>
internal sealed class StepPlan
{
    /// <summary>The rows. A request's rows need not be adjacent.</summary>
    public List<PlannedRow> Rows { get; } = [];

    /// <summary>Copies to make before the step, in this order.</summary>
    public List<(Sequence Owner, BlockCopy Copy)> Copies { get; } = [];

    public int TokenCount { get; set; }

    public int LogitsCount { get; set; }

    /// <summary>Rows that decode.</summary>
    public int DecodeRows { get; set; }

    /// <summary>A request that has the whole pool and still lacks a block: admission is there to rule it out.</summary>
    public ScheduledRequest? Unplaceable { get; set; }

    public bool IsEmpty => Rows.Count == 0;

    public void Clear()
    {
        Rows.Clear();
        Copies.Clear();
        Unplaceable = null;
        TokenCount = LogitsCount = DecodeRows = 0;
    }
}
