using TorchKv.Runtime.Model;

namespace TorchKv.Runtime.Scheduling;

/// <summary>One row of a step: some tokens of one sequence.</summary>
/// <param name="Sequence">The sequence.</param>
/// <param name="Position">Absolute position of the row's first token.</param>
/// <param name="Count">Tokens in the row.</param>
/// <param name="Logits">Which of them logits are wanted for.</param>
internal readonly record struct PlannedRow(Sequence Sequence, int Position, int Count, LogitsWanted Logits)
{
    /// <summary>Positions that logits are wanted for.</summary>
    public int LogitsCount => RunnerRow.CountOf(Logits, Count);

    /// <summary>
    /// Whether the row computes the sequence's last token, so that its last logits give the next one.
    /// </summary>
    public bool ReachesEnd => Position + Count == Sequence.Count;

    public RunnerRow ToRunnerRow() => new(Sequence.Slice(Position, Count), Position, Sequence.Table.Blocks, Logits);
}
