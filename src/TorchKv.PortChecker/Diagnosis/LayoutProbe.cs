using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Text;
using TorchKv.PortChecking.Traces;
using static TorchKv.PortChecking.Text.Figures;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>The same numbers elsewhere: rows at other positions, columns or heads in another order, dimensions exchanged.</summary>
internal static class LayoutProbe
{
    private const long MostWork = 400_000_000;

    /// <summary>Rows that stand where others should: positions, batch rows.</summary>
    public static Resemblance? Rows(Scene scene)
    {
        var columns = scene.Expected.Columns;
        if (columns < 3 || scene.Expected.Rows == 0)
        {
            return null;
        }

        // The original's rows of this module in all steps, with the batch row and the position of each.
        var known = new List<(Activation From, int Row, int Batch, int Position)>();
        foreach (var (pair, _) in scene.Timeline)
        {
            if (pair.Shape.Length == 0 || pair.Shape[^1] != columns)
            {
                continue;
            }

            var expected = pair.Expected;
            var tokens = expected.Shape.Length >= 2 ? expected.Shape[^2] : 1;
            var past = scene.Past.GetValueOrDefault(pair.Key.Step);
            for (var row = 0; row < expected.Rows; row++)
            {
                known.Add((expected, row, row / tokens, past + (row % tokens)));
            }
        }

        if ((long)scene.Expected.Rows * known.Count * columns > MostWork)
        {
            return null;
        }

        var wrong = 0;
        var wrongPlaces = new List<(int Batch, int Position)>();
        var placed = new List<(int Batch, int Position, List<(int Batch, int Position)> From)>();
        for (var row = 0; row < scene.Expected.Rows; row++)
        {
            if (scene.Equal(scene.Actual.Row(row), scene.Expected.Row(row)))
            {
                continue;
            }

            wrong++;
            wrongPlaces.Add(scene.Place(row));
            var from = known.Where(k => scene.Equal(k.From.Row(k.Row), scene.Actual.Row(row))).Select(k => (k.Batch, k.Position)).ToList();
            if (from.Count > 0)
            {
                var (batch, position) = scene.Place(row);
                placed.Add((batch, position, from));
            }
        }

        if (placed.Count == 0)
        {
            return null;
        }

        // One shift for all; rows that were not found come from positions that were not recorded.
        var shifts = placed.Select(p => (p.Batch, Shifts: p.From.Where(f => f.Batch == p.Batch).Select(f => f.Position - p.Position).ToHashSet())).ToList();
        var common = shifts.SelectMany(s => s.Shifts).GroupBy(n => n).OrderByDescending(g => g.Count()).ThenBy(g => Math.Abs(g.Key)).FirstOrDefault();
        if (common is { Key: not 0 and var shift } && common.Count() * 10 >= placed.Count * 9)
        {
            var recorded = known.Select(k => (k.Batch, k.Position)).ToHashSet();
            var sources = wrongPlaces.Count(place => recorded.Contains((place.Batch, place.Position + shift)));
            if (common.Count() * 10 >= sources * 9)
            {
                return Shift(scene, shift, common.Count(), wrong, [.. placed.Select(p => p.Batch).Distinct()]);
            }
        }

        if (placed.Count * 2 < wrong)
        {
            return null;
        }

        if (placed.TrueForAll(p => p.From.Exists(f => f.Position == p.Position && f.Batch != p.Batch)))
        {
            var moves = placed.Select(p => (p.Batch, From: p.From.First(f => f.Position == p.Position && f.Batch != p.Batch).Batch)).Distinct().ToArray();
            return new(ResemblanceKind.RowsPermuted, "rows of the batch are permuted: " + string.Join(", ", moves.Take(6).Select(m => $"{scene.Port}'s row {m.Batch} is {scene.Original}'s {m.From}")));
        }

        var perBatch = shifts.GroupBy(s => s.Batch).Select(g => (Batch: g.Key, Shifts: g.Select(s => s.Shifts).Aggregate((x, y) => [.. x.Intersect(y)]))).ToArray();
        if (Array.TrueForAll(perBatch, b => b.Shifts.Count > 0))
        {
            return new(ResemblanceKind.Positions, "rows are shifted, by another number for each row of the batch (positions): "
                + string.Join(", ", perBatch.Select(b => $"batch row {b.Batch} by {Math.Abs(b.Shifts.First())}{Direction(b.Shifts.First())}")) + "; with padding, positions count the tokens that are not padding");
        }

        if (placed.Count < wrong && placed.Count < 3)
        {
            return null;
        }

        return new(ResemblanceKind.RowsPermuted, "rows are permuted: "
            + string.Join(", ", placed.Take(6).Select(p => $"{scene.Port}'s position {p.Position} holds {scene.Original}'s {p.From[0].Position}")) + " (positions)");
    }

    private static Resemblance Shift(Scene scene, int shift, int placed, int wrong, int[] batches)
    {
        var count = Math.Abs(shift) == 1 ? "one" : $"{Math.Abs(shift)}";
        var batch = scene.Expected.Shape.Length >= 3 ? scene.Expected.Rows / Math.Max(1, scene.Expected.Shape[^2]) : 1;
        var where = batch > 1 && batches.Length < batch ? $" in batch rows {Ranges(batches)} only, as with padding" : "";
        var restart = scene.PastTokens > 0 && shift == -scene.PastTokens ? ": they begin at 0 again in each step, where the tokens in the cache should be counted" : "";
        var found = placed == wrong ? "" : $" ({placed} of {wrong} rows; the others are beyond what was recorded)";
        return new(ResemblanceKind.Positions, $"rows are shifted by {count} (positions): {scene.Port}'s position p holds what {scene.Original} has at p {(shift < 0 ? "−" : "+")} {Math.Abs(shift)}{where}{restart}{found}");
    }

    private static string Direction(int shift) => shift < 0 ? " back" : " on";

    /// <summary>Columns, blocks of columns, or whole dimensions in another order.</summary>
    public static Resemblance? Columns(Scene scene)
    {
        var columns = scene.Expected.Columns;
        if (Permutation.OfColumns(scene, scene.Expected.Values, scene.Actual.Values, columns) is { } order)
        {
            return Describe(scene, order);
        }

        return Rearranged(scene);
    }

    private static Resemblance Describe(Scene scene, int[] order)
    {
        if (Permutation.Blocks(order) is var (size, blocks))
        {
            var list = string.Join(", ", blocks.Take(16)) + (blocks.Length > 16 ? ", …" : "");
            var heads = size == scene.Facts.HeadDim || blocks.Length == scene.Facts.Heads || (scene.Facts.HeadDim is { } d && size % d == 0 && blocks.Length != 3);
            return heads
                ? new(ResemblanceKind.Heads, $"heads are permuted: blocks of {size} columns stand in the order {list}")
                : new(ResemblanceKind.ColumnsPermuted, $"columns are permuted: {blocks.Length} blocks of {size} stand in the order {list}{(blocks.Length == 3 ? ", as when query, key and value are taken apart in another order" : "")}");
        }

        if (Permutation.Interleaved(order) is { } groups)
        {
            var size2 = order.Length / groups;
            return new(ResemblanceKind.Heads, $"heads are transposed: the columns were written as ({size2}, {groups}) and read as ({groups}, {size2}); one view has heads and head_dim the other way round");
        }

        if (Permutation.Turn(order) is { } turn)
        {
            return new(ResemblanceKind.ColumnsPermuted, $"columns are permuted: turned by {turn}");
        }

        if (order.Where((from, to) => from != order.Length - 1 - to).Any())
        {
            var moved = order.Where((from, to) => from != to).Count();
            return new(ResemblanceKind.ColumnsPermuted, $"columns are permuted: {moved} of {order.Length} stand elsewhere ({string.Join(", ", order.Select((from, to) => (from, to)).Where(m => m.from != m.to).Take(4).Select(m => $"{m.to} is {scene.Original}'s {m.from}"))}, …)");
        }

        return new(ResemblanceKind.ColumnsPermuted, "columns are permuted: they stand in reverse order");
    }

    // The same numbers, read in another order of dimensions.
    private static Resemblance? Rearranged(Scene scene)
    {
        var (expected, actual) = (scene.Expected, scene.Actual);
        var (rows, columns) = (expected.Rows, expected.Columns);
        if (rows < 2 || !SameNumbers(scene, expected.Values, actual.Values))
        {
            return null;
        }

        var tokens = expected.Shape.Length >= 2 ? expected.Shape[^2] : 1;
        var batch = rows / Math.Max(1, tokens);
        for (var heads = 2; heads <= columns; heads++)
        {
            if (columns % heads != 0 || tokens < 2)
            {
                continue;
            }

            var d = columns / heads;
            if (Matches(expected.Values, actual.Values, heads, d) || Matches(actual.Values, expected.Values, heads, d))
            {
                return heads == columns
                    ? new(ResemblanceKind.Transposed, $"transposed: the last two dimensions ({tokens}, {columns}) are exchanged and read back as if they were not")
                    : new(ResemblanceKind.Heads, $"heads and positions are transposed: the numbers stand as ({heads} heads, {tokens} tokens, {d}) where ({tokens} tokens, {heads} heads, {d}) is meant; a transpose(1, 2) is missing before a view");
            }
        }

        return new(ResemblanceKind.Transposed, "the same numbers in another order: a view or reshape where a transpose or permute is meant");

        // Whether b, read as (heads, tokens, d), is a's (tokens, heads, d).
        bool Matches(float[] a, float[] b, int heads, int d)
        {
            var turned = new float[a.Length];
            for (var i = 0; i < batch; i++)
            {
                for (var t = 0; t < tokens; t++)
                {
                    for (var h = 0; h < heads; h++)
                    {
                        Array.Copy(a, (((i * tokens) + t) * columns) + (h * d), turned, (((i * heads) + h) * tokens * d) + (t * d), d);
                    }
                }
            }

            return scene.Equal(b, turned);
        }
    }

    private static bool SameNumbers(Scene scene, float[] a, float[] b)
    {
        var (x, y) = ((float[])a.Clone(), (float[])b.Clone());
        Array.Sort(x);
        Array.Sort(y);
        return scene.Equal(x, y);
    }

    /// <summary>
    /// A square weight used transposed. With A = X·Wᵀ + b and B = X·W + b, and rows taken from their means, A·Xᵀ = X·Wᵀ·Xᵀ is the
    /// transpose of B·Xᵀ, whatever W is.
    /// </summary>
    public static Resemblance? TransposedWeight(Scene scene)
    {
        var columns = scene.Expected.Columns;
        var rows = Math.Min(scene.Expected.Rows, 64);
        if (rows < 3)
        {
            return null;
        }

        foreach (var earlier in scene.Earlier.Reverse().Where(pair => Size(pair.Shape) == scene.Expected.Values.Length && pair.Shape[^1] == columns))
        {
            var x = Centred(earlier.Expected.Values, rows, columns);
            var ax = Product(Centred(scene.Expected.Values, rows, columns), x, rows, columns);
            var bx = Product(Centred(scene.Actual.Values, rows, columns), x, rows, columns);
            double off = 0, asymmetry = 0, size = 0;
            for (var i = 0; i < rows; i++)
            {
                for (var j = 0; j < rows; j++)
                {
                    off += Math.Pow(bx[(i * rows) + j] - ax[(j * rows) + i], 2);
                    asymmetry += Math.Pow(ax[(i * rows) + j] - ax[(j * rows) + i], 2);
                    size += Math.Pow(ax[(i * rows) + j], 2);
                }
            }

            if (asymmetry > 1e-4 * size && off <= 1e-4 * asymmetry)
            {
                return new(ResemblanceKind.Transposed, $"a transposed weight: the square matrix that {Scene.Name(earlier.Key)} is multiplied by is used transposed in one of them (Conv1D keeps (in, out), Linear (out, in))");
            }
        }

        return null;
    }

    internal static long Size(int[] shape) => shape.Aggregate(1L, (size, length) => size * length);

    private static double[] Centred(float[] values, int rows, int columns)
    {
        var mean = new double[columns];
        for (var i = 0; i < rows * columns; i++)
        {
            mean[i % columns] += values[i] / (double)rows;
        }

        var centred = new double[rows * columns];
        for (var i = 0; i < centred.Length; i++)
        {
            centred[i] = values[i] - mean[i % columns];
        }

        return centred;
    }

    // a·bᵀ
    private static double[] Product(double[] a, double[] b, int rows, int columns)
    {
        var product = new double[rows * rows];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < rows; j++)
            {
                for (var c = 0; c < columns; c++)
                {
                    product[(i * rows) + j] += a[(i * columns) + c] * b[(j * columns) + c];
                }
            }
        }

        return product;
    }
}
