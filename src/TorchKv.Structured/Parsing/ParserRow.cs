namespace TorchKv.Structured.Parsing;

/// <summary>What is kept about a row.</summary>
/// <param name="FirstItem">Its first item among those of all rows.</param>
/// <param name="EndItem">The item after its last one.</param>
/// <param name="LexerStart">The lexer's state for the terminals that may come next.</param>
/// <param name="MayEnd">Whether the text may end here.</param>
internal readonly record struct ParserRow(int FirstItem, int EndItem, int LexerStart, bool MayEnd);
