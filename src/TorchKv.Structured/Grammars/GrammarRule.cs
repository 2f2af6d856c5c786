namespace TorchKv.Structured.Grammars;

/// <summary>
/// A named part that can be used anywhere, also in itself. It is made first and gets its <see cref="Body"/> later.
/// </summary>
/// <param name="name">A name for messages; several rules may have the same.</param>
internal sealed class GrammarRule(string name) : GrammarNode
{
    public string Name => name;

    /// <summary>What the rule stands for; null: not yet set.</summary>
    public GrammarNode? Body { get; set; }
}
