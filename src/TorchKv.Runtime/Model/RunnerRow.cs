using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Model;

/// <summary>
/// Consecutive tokens of one sequence in a step. Their keys and values are written into the sequence's blocks.
/// </summary>
/// <param name="Tokens">
/// Token ids at positions <paramref name="Position"/>, <paramref name="Position"/> + 1, …; at least one.
/// </param>
/// <param name="Position">Absolute position of the first token: the blocks hold as many tokens of the sequence.</param>
/// <param name="BlockTable">
/// The sequence's blocks in order, at least ⌈(Position + Tokens.Length) / BlockSize⌉; position p lies in block p /
/// BlockSize.
/// </param>
/// <param name="Logits">Which positions to give logits for.</param>
public readonly record struct RunnerRow(
    ReadOnlyMemory<int> Tokens, int Position, ReadOnlyMemory<int> BlockTable, LogitsWanted Logits)
{
    /// <summary>How many positions get logits.</summary>
    public int LogitsCount => CountOf(Logits, Tokens.Length);

    /// <summary>Tokens of the sequence after the step.</summary>
    public int End => Position + Tokens.Length;

    /// <summary>Blocks that hold the sequence's tokens after the step.</summary>
    public int UsedBlocks(int blockSize) => BlockMath.BlocksFor(End, blockSize);

    /// <summary>How many positions of a row with <paramref name="tokens"/> tokens get logits.</summary>
    internal static int CountOf(LogitsWanted logits, int tokens) => logits switch
    {
        LogitsWanted.None => 0,
        LogitsWanted.Last => 1,
        _ => tokens,
    };
}
