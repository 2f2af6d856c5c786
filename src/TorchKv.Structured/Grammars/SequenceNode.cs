namespace TorchKv.Structured.Grammars;

/// <summary>Parts one after the other; no part: the empty text.</summary>
/// <param name="parts">The parts.</param>
internal sealed class SequenceNode(GrammarNode[] parts) : GrammarNode
{
    public GrammarNode[] Parts => parts;
}
