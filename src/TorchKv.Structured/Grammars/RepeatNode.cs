namespace TorchKv.Structured.Grammars;

/// <summary>A part, a number of times. The parser counts; it is not written out.</summary>
/// <param name="part">What is repeated.</param>
/// <param name="min">How often at least.</param>
/// <param name="max">How often at most; <see cref="int.MaxValue"/>: no bound.</param>
internal sealed class RepeatNode(GrammarNode part, int min, int max) : GrammarNode
{
    public GrammarNode Part => part;

    public int Min => min;

    public int Max => max;
}
