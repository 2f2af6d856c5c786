namespace TorchKv.PortChecking.Traces;

/// <summary>
/// Which numbers a trace keeps of a large tensor. The rule is that of <c>sample</c> in tools/trace.py.
/// </summary>
internal static class TraceSampling
{
    /// <summary>
    /// The rows and columns that are kept of a shape, and the shape of what is kept; null where all is kept.
    /// </summary>
    public static (int[] Rows, int[] Columns, int[] Shape)? Positions(ReadOnlySpan<int> shape, int limit)
    {
        long count = 1;
        foreach (var size in shape)
        {
            count *= size;
        }

        if (limit <= 0 || count <= limit || shape.Length == 0)
        {
            return null;
        }

        var columns = shape[^1];
        var rows = (int)(count / columns);
        var kept = Math.Min(columns, Math.Max(1, limit / Math.Max(1, rows)));
        var keptColumns = Spread(kept, columns);
        return rows <= limit
            ? (Spread(rows, rows), keptColumns, [.. shape[..^1], kept])
            : (Spread(limit, rows), keptColumns, [limit, kept]);
    }

    /// <summary>The numbers that are kept of a tensor.</summary>
    public static Activation Apply(Activation whole, int limit)
    {
        if (Positions(whole.Shape, limit) is not var (rows, columns, shape))
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

        return whole with { Shape = shape, Values = values };
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
