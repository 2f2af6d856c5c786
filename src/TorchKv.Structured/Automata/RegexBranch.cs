namespace TorchKv.Structured.Automata;

/// <summary>One branch of an expression's derivatives.</summary>
/// <param name="Bytes">The first byte is one of these.</param>
/// <param name="Rest">What the bytes after it must match.</param>
internal readonly record struct RegexBranch(ByteSet Bytes, RegexNode Rest);
