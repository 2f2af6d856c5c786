namespace TorchKv.Structured.Automata;

/// <summary>
/// A regular expression over bytes, made by a <see cref="RegexFactory"/>. Equal expressions of one factory are the same
/// object.
/// </summary>
internal sealed class RegexNode
{
    /// <summary>The <see cref="Max"/> of a repetition without an upper bound.</summary>
    public const int Unbounded = int.MaxValue;

    internal RegexNode(int id, RegexKind kind, ByteSet bytes, RegexNode[] children, int min, int max, bool isNullable)
    {
        (Id, Kind, Bytes, Children, Min, Max, IsNullable) = (id, kind, bytes, children, min, max, isNullable);
        HasBoolean = kind is RegexKind.And or RegexKind.Not || Array.Exists(children, static child => child.HasBoolean);
    }

    /// <summary>Number in the factory.</summary>
    public int Id { get; }

    public RegexKind Kind { get; }

    /// <summary>The bytes of <see cref="RegexKind.Bytes"/>.</summary>
    public ByteSet Bytes { get; }

    public RegexNode[] Children { get; }

    /// <summary>How often <see cref="RegexKind.Repeat"/> matches its child at least.</summary>
    public int Min { get; }

    /// <summary>
    /// How often <see cref="RegexKind.Repeat"/> matches its child at most, or <see cref="Unbounded"/>.
    /// </summary>
    public int Max { get; }

    /// <summary>Whether the empty text matches.</summary>
    public bool IsNullable { get; }

    /// <summary>
    /// Whether there is an intersection or a complement in it. Only then can an expression match nothing without being
    /// <see cref="RegexKind.Nothing"/>; <see cref="RegexFactory.MatchesNothing"/> finds out.
    /// </summary>
    public bool HasBoolean { get; }

    /// <summary>What may follow each first byte; null: not yet computed.</summary>
    internal RegexBranch[]? Branches { get; set; }

    /// <summary>Whether no text matches; null: not yet known.</summary>
    internal bool? KnownToMatchNothing { get; set; }
}
