namespace TorchKv.Structured.Automata;

/// <summary>Turns sets of scalar values into expressions over the bytes of UTF-8.</summary>
internal static class Utf8Ranges
{
    // The last scalar value that 1, 2, 3 and 4 bytes can say.
    private static readonly int[] LastOfLength = [0x7F, 0x7FF, 0xFFFF, 0x10FFFF];

    public static RegexNode ToRegex(RegexFactory factory, CodePointSet set)
    {
        var alternatives = new List<RegexNode>();
        foreach (var (first, last) in set.Ranges)
        {
            var from = first;
            for (var length = 1; length <= 4 && from <= last; length++)
            {
                var to = Math.Min(last, LastOfLength[length - 1]);
                if (from <= to)
                {
                    AddRange(factory, alternatives, from, to, length);
                    from = to + 1;
                }
            }
        }

        return factory.Or([.. alternatives]);
    }

    // A range whose values all have the same number of bytes. It is cut so that in each piece every byte has a range of
    // its own.
    private static void AddRange(RegexFactory factory, List<RegexNode> alternatives, int first, int last, int length)
    {
        for (var tail = 1; tail < length; tail++)
        {
            var mask = (1 << (6 * tail)) - 1;
            if ((first & ~mask) == (last & ~mask))
            {
                continue;
            }

            if ((first & mask) != 0)
            {
                AddRange(factory, alternatives, first, first | mask, length);
                AddRange(factory, alternatives, (first | mask) + 1, last, length);
                return;
            }

            if ((last & mask) != mask)
            {
                AddRange(factory, alternatives, first, (last & ~mask) - 1, length);
                AddRange(factory, alternatives, last & ~mask, last, length);
                return;
            }
        }

        var node = factory.Empty;
        for (var i = 0; i < length; i++)
        {
            node = factory.Concat(factory.Bytes(ByteSet.Range(Part(first, i), Part(last, i))), node);
        }

        alternatives.Add(node);

        // Byte number i from the end.
        byte Part(int value, int i)
        {
            var bits = value >> (6 * i);
            if (i < length - 1)
            {
                return (byte)(0x80 | (bits & 0x3F));
            }

            return (byte)(length switch { 1 => bits, 2 => 0xC0 | bits, 3 => 0xE0 | bits, _ => 0xF0 | bits });
        }
    }
}
