namespace TorchKv.PortChecking.Traces;

/// <summary>
/// Which numbers a trace keeps of a large tensor. The rule is that of <c>sample</c> in tools/trace.py.
/// </summary>
internal static class TraceSampling
{
    /// <summary>The shape of what is kept of a shape; null where all is kept.</summary>
    /// <exception cref="OverflowException">The shape has more rows than an array can have numbers.</exception>
    public static int[]? KeptShape(ReadOnlySpan<int> shape, int limit)
    {
        Int128 count = 1;
        foreach (var size in shape)
        {
            count = checked(count * size);
        }

        if (limit <= 0 || count <= limit || shape.Length == 0)
        {
            return null;
        }

        var rows = checked((int)(count / shape[^1]));
        var columns = Math.Min(shape[^1], Math.Max(1, limit / Math.Max(1, rows)));
        return rows <= limit ? [.. shape[..^1], columns] : [limit, columns];
    }

    /// <summary>The rows and columns that are kept of a shape; null where all are kept.</summary>
    public static (int[] Rows, int[] Columns)? Positions(ReadOnlySpan<int> shape, int limit)
    {
        if (KeptShape(shape, limit) is not { } kept)
        {
            return null;
        }

        var rows = 1;
        foreach (var size in shape[..^1])
        {
            rows *= size;
        }

        return (Spread(Math.Min(rows, limit), rows), Spread(kept[^1], shape[^1]));
    }

    /// <summary>The numbers that are kept of a tensor.</summary>
    public static Activation Apply(Activation whole, int limit)
    {
        if (Positions(whole.Shape, limit) is not var (rows, columns))
        {
            return whole;
        }

        var values = new float[rows.Length * columns.Length];
        var next = 0;
        foreach (var row in rows)
        {
            foreach (var column in columns)
            {
                values[next++] = whole.Values[(row * whole.Columns) + column];
            }
        }

        return whole with { Shape = KeptShape(whole.Shape, limit)!, Values = values };
    }

    // kept of the indices 0 … of − 1, evenly spread.
    private static int[] Spread(int kept, int of)
    {
        var index = new int[kept];
        for (var i = 0; i < kept; i++)
        {
            index[i] = (int)((long)i * of / kept);
        }

        return index;
    }
}
