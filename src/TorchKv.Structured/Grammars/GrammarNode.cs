namespace TorchKv.Structured.Grammars;

/// <summary>
/// A part of a grammar's rule. It is one of the sealed classes of this namespace that derive from it.
/// </summary>
internal abstract class GrammarNode;
