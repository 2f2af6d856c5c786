using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Scheduling;

/// <summary>The rows and copies of the next step. One object, filled anew for each step.</summary>
internal sealed class StepPlan
{
    /// <summary>
    /// The rows. A request's rows need not be adjacent, so logits are used row by row; they are in the order of the
    /// request's sequences.
    /// </summary>
    public List<PlannedRow> Rows { get; } = [];

    /// <summary>Copies to make before the step, in this order.</summary>
    public List<(Sequence Owner, BlockCopy Copy)> Copies { get; } = [];

    /// <summary>Tokens of all rows.</summary>
    public int TokenCount { get; set; }

    /// <summary>Positions that logits are wanted for.</summary>
    public int LogitsCount { get; set; }

    /// <summary>Rows that decode.</summary>
    public int DecodeRows { get; set; }

    /// <summary>
    /// A request that cannot be placed even alone. Only a defect leads here, since what could need more blocks than
    /// there are is refused before it is added; the request should fail rather than wait forever.
    /// </summary>
    public Request? Unplaceable { get; set; }

    public bool IsEmpty => Rows.Count == 0;

    public void Clear()
    {
        Rows.Clear();
        Copies.Clear();
        Unplaceable = null;
        TokenCount = LogitsCount = DecodeRows = 0;
    }
}
