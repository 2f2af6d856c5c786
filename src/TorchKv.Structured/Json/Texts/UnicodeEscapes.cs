using System.Globalization;
using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Json.Texts;

/// <summary>Characters beyond ASCII as \uxxxx, with digits of either case.</summary>
internal sealed class UnicodeEscapes(RegexFactory regexes)
{
    /// <summary>The escapes of the characters of a set that are not ASCII.</summary>
    public RegexNode Of(CodePointSet set)
    {
        var forms = new List<RegexNode>();
        foreach ((int first, int last) in set.Ranges)
        {
            if (last >= 0x80 && first < 0x10000)
            {
                forms.Add(Unit(Math.Max(first, 0x80), Math.Min(last, 0xFFFF)));
            }

            if (last >= 0x10000)
            {
                AddPairs(forms, Math.Max(first, 0x10000) - 0x10000, last - 0x10000);
            }
        }

        return regexes.Or([.. forms]);
    }

    /// <summary>The escapes of a range of UTF-16 units.</summary>
    public RegexNode Unit(int first, int last) =>
        regexes.Concat(regexes.Literal("\\u"), Digits(first, last, 4));

    // The first and the last high half may have fewer low halves than those between them.
    private void AddPairs(List<RegexNode> forms, int first, int last)
    {
        (int firstHigh, int lastHigh) = (first >> 10, last >> 10);
        if (firstHigh == lastHigh)
        {
            forms.Add(Pair(firstHigh, lastHigh, first & 0x3FF, last & 0x3FF));
            return;
        }

        if ((first & 0x3FF) != 0)
        {
            forms.Add(Pair(firstHigh, firstHigh, first & 0x3FF, 0x3FF));
            firstHigh++;
        }

        if ((last & 0x3FF) != 0x3FF)
        {
            forms.Add(Pair(lastHigh, lastHigh, 0, last & 0x3FF));
            lastHigh--;
        }

        if (firstHigh <= lastHigh)
        {
            forms.Add(Pair(firstHigh, lastHigh, 0, 0x3FF));
        }
    }

    private RegexNode Pair(int firstHigh, int lastHigh, int firstLow, int lastLow) => regexes.Concat(
        Unit(0xD800 + firstHigh, 0xD800 + lastHigh), Unit(0xDC00 + firstLow, 0xDC00 + lastLow));

    // The hexadecimal numbers of a range, with a fixed number of digits.
    private RegexNode Digits(int first, int last, int count)
    {
        if (count == 0)
        {
            return regexes.Empty;
        }

        int shift = 4 * (count - 1);
        int mask = (1 << shift) - 1;
        if (first == 0 && last == (1 << (shift + 4)) - 1)
        {
            return regexes.Repeat(Digit(0, 15), count, count);
        }

        var parts = new List<RegexNode>();
        (int firstDigit, int lastDigit) = (first >> shift, last >> shift);
        if (firstDigit == lastDigit)
        {
            return regexes.Concat(Digit(firstDigit, firstDigit), Digits(first & mask, last & mask, count - 1));
        }

        if ((first & mask) != 0)
        {
            parts.Add(regexes.Concat(Digit(firstDigit, firstDigit), Digits(first & mask, mask, count - 1)));
            firstDigit++;
        }

        if ((last & mask) != mask)
        {
            parts.Add(regexes.Concat(Digit(lastDigit, lastDigit), Digits(0, last & mask, count - 1)));
            lastDigit--;
        }

        if (firstDigit <= lastDigit)
        {
            parts.Add(regexes.Concat(Digit(firstDigit, lastDigit), Digits(0, mask, count - 1)));
        }

        return regexes.Or([.. parts]);
    }

    private RegexNode Digit(int first, int last)
    {
        ByteSet bytes = default;
        for (int digit = first; digit <= last; digit++)
        {
            char lower = digit.ToString("x", CultureInfo.InvariantCulture)[0];
            bytes |= ByteSet.Of((byte)lower) | ByteSet.Of((byte)char.ToUpperInvariant(lower));
        }

        return regexes.Bytes(bytes);
    }
}
