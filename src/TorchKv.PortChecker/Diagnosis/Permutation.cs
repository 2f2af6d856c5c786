namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Finds the order in which the columns of one matrix stand in another, and describes orders.</summary>
internal static class Permutation
{
    /// <summary>
    /// For each column of <paramref name="actual"/> the equal column of <paramref name="expected"/>; null where a
    /// column has none, or where the order is the same.
    /// </summary>
    public static int[]? OfColumns(Mismatch mismatch, float[] expected, float[] actual, int columns)
    {
        if (expected.Length != actual.Length || columns < 2 || expected.Length == 0)
        {
            return null;
        }

        var rows = expected.Length / columns;
        var bound = 8 * mismatch.Noise * Math.Max(Numbers.Rms(expected), 1e-30);

        // Candidates are found by a sum over the rows with unequal weights. Rounding changes such a sum by little,
        // while different columns have sums far apart.
        var keys = Signatures(expected);
        var wanted = Signatures(actual);
        var byKey = Enumerable.Range(0, columns).OrderBy(c => keys[c]).ToArray();
        var sorted = byKey.Select(c => keys[c]).ToArray();
        var reach = bound * Math.Sqrt(rows) * 4;
        var order = new int[columns];
        var used = new bool[columns];
        for (var column = 0; column < columns; column++)
        {
            order[column] = -1;
            var start = Array.BinarySearch(sorted, wanted[column] - reach);
            var best = double.MaxValue;
            for (var i = start < 0 ? ~start : start; i < columns && sorted[i] <= wanted[column] + reach; i++)
            {
                if (used[byKey[i]])
                {
                    continue;
                }

                var worst = Distance(byKey[i], column);
                if (worst < best)
                {
                    (best, order[column]) = (worst, byKey[i]);
                }
            }

            if (order[column] < 0 || best > 2)
            {
                return null;
            }

            used[order[column]] = true;
        }

        return order.Where((from, to) => from != to).Any() ? order : null;

        double[] Signatures(float[] values)
        {
            var sums = new double[columns];
            for (var row = 0; row < rows; row++)
            {
                var weight = 0.5 + (((row * 0x9E37L) + 11) % 101 / 100.0);
                for (var c = 0; c < columns; c++)
                {
                    sums[c] += weight * values[(row * columns) + c];
                }
            }

            return sums;
        }

        // The largest difference, in units of the bound.
        double Distance(int from, int to)
        {
            var worst = 0.0;
            for (var row = 0; row < rows; row++)
            {
                var (e, a) = (expected[(row * columns) + from], actual[(row * columns) + to]);
                worst = Math.Max(worst, Math.Abs((double)a - e) / (bound + (8 * mismatch.Noise * Math.Abs(e))));
            }

            return worst;
        }
    }

    /// <summary>
    /// The number of places by which all columns moved, round the end; null where that is not the order.
    /// </summary>
    public static int? Turn(int[] order)
    {
        var turn = order[0];
        for (var i = 0; i < order.Length; i++)
        {
            if (order[i] != (i + turn) % order.Length)
            {
                return null;
            }
        }

        return turn;
    }

    /// <summary>
    /// The largest blocks that moved as a whole: their size, and for each block the expected one; null where there are
    /// none.
    /// </summary>
    public static (int Size, int[] Blocks)? Blocks(int[] order)
    {
        for (var count = 2; count <= order.Length / 2; count++)
        {
            if (order.Length % count != 0)
            {
                continue;
            }

            var size = order.Length / count;
            var whole = true;
            for (var i = 0; whole && i < order.Length; i++)
            {
                whole = order[i - (i % size)] % size == 0 && order[i] == order[i - (i % size)] + (i % size);
            }

            if (whole)
            {
                return (size, [.. Enumerable.Range(0, count).Select(block => order[block * size] / size)]);
            }
        }

        return null;
    }

    /// <summary>
    /// The number of groups g for which the columns were written as (n/g, g) and read as (g, n/g); null where there is
    /// none.
    /// </summary>
    public static int? Interleaved(int[] order)
    {
        for (var groups = 2; groups <= order.Length / 2; groups++)
        {
            if (order.Length % groups != 0)
            {
                continue;
            }

            var size = order.Length / groups;
            var fits = true;
            for (var i = 0; fits && i < order.Length; i++)
            {
                fits = order[i] == ((i % size) * groups) + (i / size);
            }

            if (fits)
            {
                return groups;
            }
        }

        return null;
    }
}
