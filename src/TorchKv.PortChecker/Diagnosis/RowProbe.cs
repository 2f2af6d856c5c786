using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Rows that stand where other rows should: shifted positions, exchanged batch rows.</summary>
internal static class RowProbe
{
    private const long MostWork = 400_000_000;

    /// <summary>Finds the wrong rows among the right rows of all steps, and says how they moved.</summary>
    public static Finding? Explain(Mismatch mismatch)
    {
        var columns = mismatch.Expected.Columns;
        if (columns < 3 || mismatch.Expected.Rows == 0)
        {
            return null;
        }

        var known = KnownRows(mismatch, columns);
        if ((long)mismatch.Expected.Rows * known.Count * columns > MostWork)
        {
            return null;
        }

        var wrong = Enumerable.Range(0, mismatch.Expected.Rows)
            .Where(row => !mismatch.Equal(mismatch.Actual.Row(row), mismatch.Expected.Row(row))).ToArray();
        var found = new List<FoundRow>();
        foreach (var row in wrong)
        {
            var places = known.Where(k => mismatch.Equal(k.From.Row(k.Row), mismatch.Actual.Row(row)))
                .Select(k => (k.Batch, k.Position)).ToList();
            if (places.Count > 0)
            {
                var (batch, position) = mismatch.Place(row);
                found.Add(new(batch, position, places));
            }
        }

        return found.Count == 0 ? null
            : OneShift(mismatch, known, found, wrong)
            ?? (found.Count * 2 < wrong.Length ? null : Several(mismatch, found, wrong.Length));
    }

    // The right rows of this module in all steps.
    private static List<KnownRow> KnownRows(Mismatch mismatch, int columns)
    {
        var known = new List<KnownRow>();
        foreach (var (pair, _) in mismatch.Timeline)
        {
            if (pair.Shape.Length == 0 || pair.Shape[^1] != columns)
            {
                continue;
            }

            var expected = pair.Expected;
            var past = mismatch.Past.GetValueOrDefault(pair.Key.Step);
            for (var row = 0; row < expected.Rows; row++)
            {
                known.Add(new(expected, row, row / expected.Tokens, past + (row % expected.Tokens)));
            }
        }

        return known;
    }

    // One shift for all rows. A row that was not found may come from a position that was not recorded.
    private static LayoutFinding? OneShift(
        Mismatch mismatch, List<KnownRow> known, List<FoundRow> found, int[] wrong)
    {
        var common = found.SelectMany(row => row.Shifts).GroupBy(shift => shift)
            .OrderByDescending(group => group.Count()).ThenBy(group => Math.Abs(group.Key)).FirstOrDefault();
        if (common is not { Key: not 0 and var shift } || common.Count() * 10 < found.Count * 9)
        {
            return null;
        }

        var recorded = known.Select(k => (k.Batch, k.Position)).ToHashSet();
        var sources = wrong.Select(mismatch.Place)
            .Count(place => recorded.Contains((place.Batch, place.Position + shift)));
        if (common.Count() * 10 < sources * 9)
        {
            return null;
        }

        var expected = mismatch.Expected;
        var batch = expected.Shape.Length >= 3 ? expected.Rows / Math.Max(1, expected.Tokens) : 1;
        int[] batchRows = [.. found.Select(row => row.Batch).Distinct()];
        return new LayoutFinding.RowsShifted(
            mismatch.ActualSide,
            shift,
            common.Count(),
            wrong.Length,
            batch > 1 && batchRows.Length < batch ? batchRows : null,
            mismatch.PastTokens > 0 && shift == -mismatch.PastTokens);
    }

    private static LayoutFinding? Several(Mismatch mismatch, List<FoundRow> found, int wrong)
    {
        if (found.TrueForAll(row => row.OfOtherBatchRows.Any()))
        {
            var moves = found.Select(row => (row.Batch, row.OfOtherBatchRows.First())).Distinct();
            return new LayoutFinding.BatchRowsPermuted(mismatch.ActualSide, [.. moves]);
        }

        if (ShiftOfEachBatchRow(found) is { } shifts)
        {
            return new LayoutFinding.RowsShiftedByBatch(shifts);
        }

        // Two rows or fewer may be found elsewhere by chance.
        return found.Count < wrong && found.Count < 3
            ? null
            : new LayoutFinding.RowsPermuted(
                mismatch.ActualSide, [.. found.Select(row => (row.Position, row.Places[0].Position))]);
    }

    private static (int Batch, int Shift)[]? ShiftOfEachBatchRow(List<FoundRow> found)
    {
        var shifts = new List<(int Batch, int Shift)>();
        foreach (var batch in found.GroupBy(row => row.Batch))
        {
            var common = batch.Select(row => row.Shifts).Aggregate((a, b) => [.. a.Intersect(b)]);
            if (common.Count == 0)
            {
                return null;
            }

            shifts.Add((batch.Key, common.First()));
        }

        return [.. shifts];
    }

    /// <summary>A right row, with its batch row and position.</summary>
    private sealed record KnownRow(Activation From, int Row, int Batch, int Position);

    /// <summary>A wrong row, by its batch row and position, and the places where a right row is the same.</summary>
    private sealed record FoundRow(int Batch, int Position, List<(int Batch, int Position)> Places)
    {
        public HashSet<int> Shifts { get; } =
            [.. Places.Where(place => place.Batch == Batch).Select(place => place.Position - Position)];

        public IEnumerable<int> OfOtherBatchRows =>
            Places.Where(place => place.Position == Position && place.Batch != Batch).Select(place => place.Batch);
    }
}
