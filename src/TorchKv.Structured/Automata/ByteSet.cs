using System.Numerics;

namespace TorchKv.Structured.Automata;

/// <summary>A set of byte values: 256 bits.</summary>
internal readonly record struct ByteSet(ulong Word0, ulong Word1, ulong Word2, ulong Word3)
{
    /// <summary>All 256 values.</summary>
    public static ByteSet All => new(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, ulong.MaxValue);

    public bool IsEmpty => (Word0 | Word1 | Word2 | Word3) == 0;

    public int Count
        => BitOperations.PopCount(Word0) + BitOperations.PopCount(Word1)
            + BitOperations.PopCount(Word2) + BitOperations.PopCount(Word3);

    public static ByteSet Of(byte value) => Range(value, value);

    /// <summary>The values from one to another, both included.</summary>
    public static ByteSet Range(byte first, byte last)
    {
        return new ByteSet(Word(0), Word(64), Word(128), Word(192));

        ulong Word(int start)
        {
            var low = Math.Max(first - start, 0);
            var high = Math.Min(last - start, 63);
            return low > 63 || high < 0 || high < low ? 0 : (ulong.MaxValue >> (63 - high)) & (ulong.MaxValue << low);
        }
    }

    public static ByteSet operator |(ByteSet a, ByteSet b)
        => new(a.Word0 | b.Word0, a.Word1 | b.Word1, a.Word2 | b.Word2, a.Word3 | b.Word3);

    public static ByteSet operator &(ByteSet a, ByteSet b)
        => new(a.Word0 & b.Word0, a.Word1 & b.Word1, a.Word2 & b.Word2, a.Word3 & b.Word3);

    public static ByteSet operator ~(ByteSet a) => new(~a.Word0, ~a.Word1, ~a.Word2, ~a.Word3);

    public bool Contains(byte value) => (Word(value >> 6) >> (value & 63) & 1) != 0;

    /// <summary>The smallest value of the set that is not below <paramref name="from"/>; −1: there is none.</summary>
    public int Next(int from)
    {
        while (from < 256)
        {
            var word = Word(from >> 6) >> (from & 63);
            if (word != 0)
            {
                return from + BitOperations.TrailingZeroCount(word);
            }

            from = (from | 63) + 1;
        }

        return -1;
    }

    private ulong Word(int index) => index switch { 0 => Word0, 1 => Word1, 2 => Word2, _ => Word3 };
}
