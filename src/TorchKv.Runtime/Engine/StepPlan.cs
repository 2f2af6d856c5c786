using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime;

/// <summary>One row of a step.</summary>
/// <param name="Sequence">Whose tokens.</param>
/// <param name="Position">Absolute position of the first.</param>
/// <param name="Count">How many.</param>
/// <param name="Logits">What logits are wanted.</param>
internal readonly record struct PlannedRow(Sequence Sequence, int Position, int Count, LogitsWanted Logits)
{
    public int LogitsCount => Logits switch
    {
        LogitsWanted.None => 0,
        LogitsWanted.Last => 1,
        _ => Count,
    };

    public RunnerRow ToRunnerRow() => new(Sequence.Slice(Position, Count), Position, Sequence.Table.Blocks, Logits);
}

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
