namespace TorchKv.Structured.Automata;

/// <summary>A part of a pattern as it is written. It is one of the nested classes.</summary>
internal abstract class PatternNode
{
    private PatternNode(bool hasAnchor) => HasAnchor = hasAnchor;

    /// <summary>Whether ^ or $ is in it.</summary>
    public bool HasAnchor { get; }

    /// <summary>One character of a set.</summary>
    public sealed class Character(CodePointSet set) : PatternNode(false)
    {
        public CodePointSet Set => set;
    }

    /// <summary>Parts one after the other.</summary>
    public sealed class Sequence(PatternNode[] parts) : PatternNode(parts.Any(part => part.HasAnchor))
    {
        public PatternNode[] Parts => parts;
    }

    /// <summary>Any of several parts.</summary>
    public sealed class Choice(PatternNode[] alternatives) : PatternNode(alternatives.Any(part => part.HasAnchor))
    {
        public PatternNode[] Alternatives => alternatives;
    }

    /// <summary>A part, a number of times.</summary>
    public sealed class Repetition(PatternNode part, int min, int max) : PatternNode(part.HasAnchor)
    {
        public PatternNode Part => part;

        public int Min => min;

        public int Max => max;
    }

    /// <summary>The beginning of the text (^) or its end ($).</summary>
    public sealed class Anchor(bool isStart) : PatternNode(true)
    {
        public bool IsStart => isStart;
    }
}
