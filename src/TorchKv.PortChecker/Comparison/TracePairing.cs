using TorchKv.PortChecking.Mapping;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Comparison;

/// <summary>The outputs of two traces that belong together, in the order in which they are compared.</summary>
/// <param name="Pairs">One pair for each output of the original in a step that the port ran.</param>
/// <param name="Extra">The port's outputs that belong to none of the original's.</param>
/// <param name="MissingSteps">The original's steps that the port did not run.</param>
/// <param name="HasPadding">Whether some tokens are padding and not compared.</param>
internal sealed record TracePairing(
    IReadOnlyList<ComparedPair> Pairs,
    IReadOnlyList<TraceKey> Extra,
    IReadOnlyList<int> MissingSteps,
    bool HasPadding)
{
    /// <summary>Finds the port's output for each output of the original.</summary>
    public static TracePairing Of(RecordedTrace original, RecordedTrace port, NameMatch names)
    {
        var index = new KeyIndex(port);
        var entries = new List<Entry>();
        var used = new HashSet<TraceKey>();
        foreach (var (key, place) in original.Order.Select((key, i) => (key, i)))
        {
            var modules = key.Module == original.Root ? [names.Root] : names.Map(key.Module);
            if (!index.Steps.Contains(key.Step) || modules.Count == 0)
            {
                continue;
            }

            // A trace without numbered calls has the output of the last call.
            TraceKey[] keys = [.. modules.Select(module => key with
            {
                Module = module ?? port.Root,
                Call = original.CallsAreNumbered ? key.Call : index.LastCall(key.Step, module ?? port.Root),
            })];
            entries.Add(new(key, keys, place));
        }

        ModelOutputs.Match(original, port, entries);
        for (var i = 0; i < entries.Count; i++)
        {
            used.UnionWith(entries[i].Port);
            entries[i] = Array.TrueForAll(entries[i].Port, index.Contains) ? entries[i] : entries[i] with { Port = [] };
        }

        var ordered = original.CallsAreNumbered ? entries : CallOrder.Sort(original, port, entries, index);
        var steps = original.Order.Select(key => key.Step).ToHashSet();
        var extra = port.Order.Where(key => steps.Contains(key.Step) && key.Part is null && !used.Contains(key)
            && (original.CallsAreNumbered || key.Call == index.LastCall(key.Step, key.Module)));
        var padding = PaddedRows.Read(original);
        return new(
            [.. ordered.Select(entry => PairOf(original, port, entry, padding))],
            [.. extra],
            [.. steps.Where(step => !index.Steps.Contains(step)).Order()],
            padding is not null);
    }

    private static ComparedPair PairOf(RecordedTrace original, RecordedTrace port, Entry entry, PaddedRows? padding)
    {
        var key = entry.Key;
        if (entry.Port.Length == 0)
        {
            return new(key, null, original.ShapeOf(key), null, () => original.Read(key), null);
        }

        var (expected, actual) = (new KeptOutput(original, key), new KeptOutput(port, entry.Port));
        var (rows, columns) = (expected.Rows, expected.Columns);
        var isSampled = (expected.IsSampled || actual.IsSampled)
            && ErrorMeasure.AreComparable(expected.Shape, actual.Shape);
        if (isSampled)
        {
            // Only numbers that both traces kept can be compared.
            rows = [.. rows.Intersect(actual.Rows)];
            columns = [.. columns.Intersect(actual.Columns)];
        }

        if (rows.Length * columns.Length == 0 && expected.Rows.Length * expected.Columns.Length > 0)
        {
            return new(key, null, original.ShapeOf(key), null, () => original.Read(key), null);
        }

        Func<Activation> readExpected = isSampled ? () => expected.Read(rows, columns) : expected.Read;
        Func<Activation> readActual = isSampled ? () => actual.Read(rows, columns) : actual.Read;
        var hidden = padding?.RowsOf(key, expected.Shape, rows);
        return new(
            key,
            entry.Port[0],
            isSampled ? expected.ShapeOf(rows, columns) : expected.Shape,
            isSampled ? expected.ShapeOf(rows, columns) : actual.Shape,
            readExpected,
            hidden is null ? readActual : () => PaddedRows.Hide(hidden, readExpected(), readActual()));
    }

    /// <summary>A key of the original, the port's keys whose outputs are joined, and its place in the order.</summary>
    internal sealed record Entry(TraceKey Key, TraceKey[] Port, double Place);
}
