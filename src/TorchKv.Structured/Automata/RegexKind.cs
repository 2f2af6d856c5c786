namespace TorchKv.Structured.Automata;

/// <summary>What a <see cref="RegexNode"/> is.</summary>
internal enum RegexKind
{
    /// <summary>Matches no text at all.</summary>
    Nothing,

    /// <summary>Matches the empty text alone.</summary>
    Empty,

    /// <summary>One byte of a set.</summary>
    Bytes,

    /// <summary>The first child, then the second.</summary>
    Concat,

    /// <summary>Any of the children.</summary>
    Or,

    /// <summary>All of the children at once.</summary>
    And,

    /// <summary>What the child does not match.</summary>
    Not,

    /// <summary>The child, a number of times.</summary>
    Repeat,
}
