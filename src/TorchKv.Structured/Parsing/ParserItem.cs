namespace TorchKv.Structured.Parsing;

/// <summary>A place in a rule that the text so far has reached.</summary>
/// <param name="Position">The position in the grammar's tables.</param>
/// <param name="Count">How often a loop has gone round, or the set of members in any order that are there; else
/// 0.</param>
/// <param name="Origin">The row in which the rule began.</param>
internal readonly record struct ParserItem(int Position, int Count, int Origin);
