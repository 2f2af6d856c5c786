using System.Runtime.InteropServices;

namespace TorchKv.Structured.Masks;

/// <summary>What a walk through a <see cref="TokenTrie"/> needs of a node, in 16 bytes that lie together.</summary>
/// <param name="End">The first node behind its subtree.</param>
/// <param name="Token">Its token, where it has one.</param>
/// <param name="Depth">Its number of bytes.</param>
/// <param name="Characters">Its complete characters.</param>
/// <param name="LongestBelow">Characters of the longest token of its subtree.</param>
/// <param name="Label">Its last byte.</param>
/// <param name="Tokens">0: it has no token; 1: one; 2: several, of the same bytes.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct TrieNode(
    int End, int Token, ushort Depth, ushort Characters, ushort LongestBelow, byte Label, byte Tokens);
