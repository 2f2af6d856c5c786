namespace TorchKv.Running;

/// <summary>
/// Rows that attend together: single tokens of several sequences, or a run of tokens of one sequence.
/// </summary>
/// <param name="Start">The group's first token among those of the step.</param>
/// <param name="Rows">Sequences.</param>
/// <param name="Tokens">Tokens of each sequence.</param>
/// <param name="Position">Position of the first token; used where there is one sequence.</param>
/// <param name="Blocks">Blocks of the longest sequence.</param>
/// <param name="TableStart">Where the group's block tables begin among those of the step.</param>
/// <param name="LengthStart">Where the group's lengths begin among those of the step.</param>
internal readonly record struct AttentionGroup(
    int Start, int Rows, int Tokens, int Position, int Blocks, int TableStart, int LengthStart);
