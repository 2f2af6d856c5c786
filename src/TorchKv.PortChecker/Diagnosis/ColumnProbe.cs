using TorchKv.PortChecking.Findings;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Columns, blocks of columns or whole dimensions in another order.</summary>
internal static class ColumnProbe
{
    /// <summary>Finds the order of the columns, or of the dimensions.</summary>
    public static Finding? Explain(Mismatch mismatch)
    {
        var (expected, actual) = (mismatch.Expected, mismatch.Actual);
        return Permutation.OfColumns(mismatch, expected.Values, actual.Values, expected.Columns) is { } order
            ? Describe(mismatch, order)
            : Dimensions(mismatch);
    }

    private static LayoutFinding Describe(Mismatch mismatch, int[] order)
    {
        if (Permutation.Blocks(order) is var (size, blocks))
        {
            var (headDim, heads) = (mismatch.Facts.HeadDim, mismatch.Facts.Heads);
            var areHeads = size == headDim || blocks.Length == heads
                || (headDim is { } d && size % d == 0 && blocks.Length != 3);
            return new LayoutFinding.BlocksPermuted(size, blocks, areHeads);
        }

        if (Permutation.Interleaved(order) is { } groups)
        {
            return new LayoutFinding.ColumnsInterleaved(groups, order.Length / groups);
        }

        return Permutation.Turn(order) is { } turn
            ? new LayoutFinding.ColumnsTurned(turn)
            : new LayoutFinding.ColumnsPermuted(mismatch.ActualSide, order);
    }

    // The same numbers, read in another order of dimensions.
    private static LayoutFinding? Dimensions(Mismatch mismatch)
    {
        var (expected, actual) = (mismatch.Expected, mismatch.Actual);
        var (columns, tokens) = (expected.Columns, expected.Tokens);
        if (expected.Rows < 2 || !SameNumbers(mismatch, expected.Values, actual.Values))
        {
            return null;
        }

        var batch = expected.Rows / Math.Max(1, tokens);
        for (var heads = 2; heads <= columns && tokens >= 2; heads++)
        {
            if (columns % heads == 0 && (IsExchanged(expected.Values, actual.Values, heads)
                || IsExchanged(actual.Values, expected.Values, heads)))
            {
                return heads == columns
                    ? new LayoutFinding.LastTwoExchanged(tokens, columns)
                    : new LayoutFinding.HeadsBeforePositions(heads, tokens, columns / heads);
            }
        }

        return new LayoutFinding.OtherOrder();

        // Whether b, read as (heads, tokens, size), is a's (tokens, heads, size).
        bool IsExchanged(float[] a, float[] b, int heads) =>
            mismatch.Equal(b, Exchanged(a, batch, tokens, heads, columns / heads));
    }

    private static float[] Exchanged(float[] values, int batch, int tokens, int heads, int size)
    {
        var exchanged = new float[values.Length];
        for (var i = 0; i < batch; i++)
        {
            for (var t = 0; t < tokens; t++)
            {
                for (var h = 0; h < heads; h++)
                {
                    var from = ((((i * tokens) + t) * heads) + h) * size;
                    var to = ((((i * heads) + h) * tokens) + t) * size;
                    Array.Copy(values, from, exchanged, to, size);
                }
            }
        }

        return exchanged;
    }

    private static bool SameNumbers(Mismatch mismatch, float[] a, float[] b)
    {
        var (x, y) = ((float[])a.Clone(), (float[])b.Clone());
        Array.Sort(x);
        Array.Sort(y);
        return mismatch.Equal(x, y);
    }
}
