namespace TorchKv.PortChecking.Traces;

/// <summary>Reads which keys an attention mask shows, in the forms that HuggingFace's models take.</summary>
internal static class AttentionMask
{
    /// <summary>
    /// Whether each key is a token and not padding, (batch, keys); null where the mask hides other keys than padding
    /// and, for each query, the later ones.
    /// </summary>
    /// <param name="mask">
    /// (batch, keys) or (keys), 0 for padding; or (batch, 1, queries, keys), with 0 or false for hidden keys, or, of
    /// floats with a largest number of 0, with a negative number for hidden keys.
    /// </param>
    /// <param name="rows">The number of batch rows; a mask of one row is for all of them.</param>
    public static bool[][]? Keys(StepInput mask, int rows)
    {
        var keys = Keys(mask);
        return keys is [var one] ? [.. Enumerable.Repeat(one, rows)] : keys?.Length == rows ? keys : null;
    }

    private static bool[][]? Keys(StepInput mask)
    {
        var shape = mask.Shape;
        if (shape.Length is 1 or 2 && shape[^1] > 0)
        {
            return Array.TrueForAll(mask.Values, value => value is 0 or 1)
                ? [.. mask.Values.Select(value => value != 0).Chunk(shape[^1])]
                : null;
        }

        if (shape.Length != 4 || mask.Values.Length == 0)
        {
            return null;
        }

        // Heads have one mask in common.
        var (batch, heads, queries, keys) = (shape[0], shape[1], shape[2], shape[3]);
        var isAdded = mask.Values.Max() == 0 && mask.Values.Min() < 0;
        bool[][] rows = [.. mask.Values.Select(value => isAdded ? value == 0 : value != 0).Chunk(keys)];
        var visible = new bool[batch][];
        for (var b = 0; b < batch; b++)
        {
            var first = b * heads * queries;
            visible[b] = rows[first + queries - 1];
            for (var row = 0; row < heads * queries; row++)
            {
                if (!Fits(rows[first + row], visible[b], keys - queries + (row % queries)))
                {
                    return null;
                }
            }
        }

        return visible;
    }

    // Whether a query sees the tokens up to its own key and no others. A query that is padding itself may see anything.
    private static bool Fits(bool[] row, bool[] visible, int own)
    {
        if (!visible[own])
        {
            return true;
        }

        for (var key = 0; key < row.Length; key++)
        {
            if (row[key] != (visible[key] && key <= own))
            {
                return false;
            }
        }

        return true;
    }
}
