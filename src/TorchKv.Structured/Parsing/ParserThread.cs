namespace TorchKv.Structured.Parsing;

/// <summary>
/// One way to read the text so far: terminals end in a row, and those after it have come to a lexer's state.
/// </summary>
/// <param name="Row">The row in which the current terminals began.</param>
/// <param name="LexerState">How far they have come.</param>
internal readonly record struct ParserThread(int Row, int LexerState);
