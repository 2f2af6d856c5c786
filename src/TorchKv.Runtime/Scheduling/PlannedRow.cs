using TorchKv.Runtime.Model;

namespace TorchKv.Runtime.Scheduling;

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
