using System.Runtime.InteropServices;
using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Paging;

namespace TorchKv.Simulation.Replicas;

/// <summary>
/// A text that grows turn by turn: an opening that other conversations share, then a user's messages and the answers to
/// them. Its tokens are made up, from a seed and the position.
/// </summary>
internal sealed class Conversation(int number, int opening, int openingTokens, int turns, int blockSize)
{
    private readonly ulong _seed = SplitMix64.Mix((ulong)number + 1);
    private readonly ulong _openingSeed = SplitMix64.Mix(~(ulong)opening);
    private BlockDigest[] _digests = [];
    private int _count;

    /// <summary>Its number, from 0.</summary>
    public int Number { get; } = number;

    /// <summary>The number of its opening.</summary>
    public int Opening { get; } = opening;

    /// <summary>Tokens of its opening.</summary>
    public int OpeningTokens { get; } = openingTokens;

    /// <summary>Turns that are still to come.</summary>
    public int TurnsLeft { get; set; } = turns;

    /// <summary>Tokens so far.</summary>
    public int Length { get; set; } = openingTokens;

    /// <summary>Whether it had a turn already.</summary>
    public bool HasBegun { get; set; }

    /// <summary>The first tokens.</summary>
    public int[] Tokens(int count)
    {
        var tokens = new int[count];
        for (var i = 0; i < count; i++)
        {
            tokens[i] = Token(i);
        }

        return tokens;
    }

    /// <summary>The token at a position.</summary>
    public int Token(int position)
    {
        var seed = position < OpeningTokens ? _openingSeed : _seed;
        return (int)(SplitMix64.Mix(seed + (uint)position) % SimulatedRequest.Vocabulary);
    }

    /// <summary>
    /// Digests of the full blocks of the first tokens: equal where the blocks and all before them are. They take no
    /// hash of the tokens, since what the tokens are made from says as much.
    /// </summary>
    public ReadOnlySpan<BlockDigest> Digests(int tokens)
    {
        var blocks = tokens / blockSize;
        if (blocks > _digests.Length)
        {
            Array.Resize(ref _digests, Math.Max(blocks, _digests.Length * 2));
        }

        Span<ulong> words = stackalloc ulong[4];
        for (; _count < blocks; _count++)
        {
            var seed = (_count + 1) * blockSize <= OpeningTokens ? _openingSeed : _seed;
            for (var word = 0; word < words.Length; word++)
            {
                words[word] = SplitMix64.Mix(seed ^ SplitMix64.Mix((ulong)((4L * _count) + word)));
            }

            _digests[_count] = new BlockDigest(MemoryMarshal.AsBytes(words));
        }

        return _digests.AsSpan(0, blocks);
    }
}
