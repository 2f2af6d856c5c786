namespace TorchKv.Structured.Grammars;

/// <summary>
/// One or more members in any order. The parser remembers which of them a text has; the orders are not written out.
/// </summary>
/// <param name="members">The members. None may match the empty text.</param>
internal sealed class AnyOrderNode(AnyOrderMember[] members) : GrammarNode
{
    public AnyOrderMember[] Members => members;
}
