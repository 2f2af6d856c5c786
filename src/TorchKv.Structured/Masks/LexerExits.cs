namespace TorchKv.Structured.Masks;

/// <summary>The places in the tries at which the same terminals may end and the token goes on.</summary>
/// <param name="AcceptSet">The terminals: the lexer's number of their set.</param>
/// <param name="PlainNodes">Nodes of the plain tokens' trie.</param>
/// <param name="RestNodes">Nodes of the other tokens' trie.</param>
internal sealed record LexerExits(int AcceptSet, int[] PlainNodes, int[] RestNodes);
