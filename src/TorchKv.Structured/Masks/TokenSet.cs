using System.Numerics;

namespace TorchKv.Structured.Masks;

/// <summary>A set of token ids that is kept: as a list where it is small, else as bits.</summary>
internal sealed class TokenSet
{
    private readonly int[]? _ids;
    private readonly ulong[]? _bits;

    /// <param name="bits">The set, as a mask.</param>
    public TokenSet(ReadOnlySpan<ulong> bits)
    {
        var count = 0;
        foreach (var word in bits)
        {
            count += BitOperations.PopCount(word);
        }

        if (count >= bits.Length)
        {
            _bits = bits.ToArray();
            return;
        }

        _ids = new int[count];
        var at = 0;
        for (var i = 0; i < bits.Length; i++)
        {
            for (var word = bits[i]; word != 0; word &= word - 1)
            {
                _ids[at++] = (i << 6) + BitOperations.TrailingZeroCount(word);
            }
        }
    }

    /// <summary>Bytes that it takes.</summary>
    public long Bytes => 64 + (4L * (_ids?.Length ?? 0)) + (8L * (_bits?.Length ?? 0));

    /// <summary>Adds the set to a mask.</summary>
    public void AddTo(Span<ulong> mask)
    {
        if (_bits is not null)
        {
            BitMask.Or(mask, _bits);
            return;
        }

        BitMask.SetAll(mask, _ids);
    }
}
