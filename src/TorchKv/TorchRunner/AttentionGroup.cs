namespace TorchKv;

/// <summary>Rows that attend together: single tokens of several sequences, or one sequence's run of tokens.</summary>
/// <param name="Start">The group's first token among all.</param>
/// <param name="Rows">Sequences.</param>
/// <param name="Tokens">Tokens of each.</param>
/// <param name="Position">Position of the first token; of use where there is one row.</param>
/// <param name="Blocks">Blocks of the longest.</param>
/// <param name="TableStart">The group's block tables among all.</param>
/// <param name="LengthStart">The group's lengths among all.</param>
internal readonly record struct AttentionGroup(int Start, int Rows, int Tokens, int Position, int Blocks, int TableStart, int LengthStart);
