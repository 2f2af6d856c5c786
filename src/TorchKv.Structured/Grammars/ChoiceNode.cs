namespace TorchKv.Structured.Grammars;

/// <summary>Any of several parts; no part: no text at all.</summary>
/// <param name="alternatives">The parts.</param>
internal sealed class ChoiceNode(GrammarNode[] alternatives) : GrammarNode
{
    public GrammarNode[] Alternatives => alternatives;
}
