using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Grammars;

/// <summary>
/// A regular expression over bytes. It may end wherever it matches: what follows decides, not the longest match. It may
/// match the empty text.
/// </summary>
/// <param name="regex">The expression, of the grammar's <see cref="RegexFactory"/>.</param>
internal sealed class TerminalNode(RegexNode regex) : GrammarNode
{
    public RegexNode Regex => regex;
}
