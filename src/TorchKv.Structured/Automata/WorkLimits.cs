namespace TorchKv.Structured.Automata;

/// <summary>How much a constraint may cost.</summary>
internal sealed record WorkLimits
{
    public static WorkLimits Default { get; } = new();

    /// <summary>Distinct regular expressions, derivatives included.</summary>
    public int RegexNodes { get; init; } = 300_000;

    /// <summary>States of the automaton over the terminals.</summary>
    public int LexerStates { get; init; } = 60_000;

    /// <summary>Parts of a grammar's rules after all repetitions and alternatives are laid out.</summary>
    public int GrammarPositions { get; init; } = 500_000;

    /// <summary>Parser rows that one text, or the texts of one constraint together, may need.</summary>
    public int ParserRows { get; init; } = 100_000;

    /// <summary>Items of all parser rows together.</summary>
    public int ParserItems { get; init; } = 1_000_000;

    /// <summary>Steps through the vocabulary's trie for one mask.</summary>
    public int MaskSteps { get; init; } = 20_000_000;

    /// <summary>How deep groups, rules and lists may be nested.</summary>
    public int Depth { get; init; } = 200;

    /// <summary>Characters of a pattern, a grammar or a schema.</summary>
    public int TextLength { get; init; } = 2_000_000;

    /// <summary>Time for one compilation.</summary>
    public TimeSpan CompileTime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Bytes of rows, states and masks that one constraint keeps.</summary>
    public long KeptBytes { get; init; } = 24L << 20;
}
