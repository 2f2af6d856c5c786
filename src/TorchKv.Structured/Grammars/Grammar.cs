using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Grammars;

/// <summary>
/// A context-free grammar over bytes, ready for the parser. A text belongs to it where its start matches the whole
/// text.
/// </summary>
/// <param name="Regexes">The factory of all terminals. The grammar owns it from here on.</param>
/// <param name="Start">What a whole text matches.</param>
internal sealed record Grammar(RegexFactory Regexes, GrammarNode Start);
