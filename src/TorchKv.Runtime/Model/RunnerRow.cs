using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Model;

/// <summary>One run of tokens of one sequence in a step. The tokens' keys and values are written into the sequence's blocks.</summary>
/// <param name="Tokens">Token ids at positions <paramref name="Position"/>, <paramref name="Position"/> + 1, …; at least one.</param>
/// <param name="Position">Absolute position of the first token: how many tokens of the sequence the blocks hold already.</param>
/// <param name="BlockTable">The sequence's blocks in order, ⌈(Position + Tokens.Length) / BlockSize⌉ of them at least; position p lies in block p / BlockSize.</param>
/// <param name="Logits">Which positions to give logits for.</param>
public readonly record struct RunnerRow(ReadOnlyMemory<int> Tokens, int Position, ReadOnlyMemory<int> BlockTable, LogitsWanted Logits);
