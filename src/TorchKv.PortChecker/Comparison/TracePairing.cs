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
        (expected, actual) = (expected.RepeatedLike(actual.Shape), actual.RepeatedLike(expected.Shape));
        if (!(expected.IsSampled || actual.IsSampled) || !ErrorMeasure.AreComparable(expected.Shape, actual.Shape))
        {
            var all = padding?.RowsOf(key, expected.Shape, expected.Rows);
            var readPort = Hiding(all, expected.Read, actual.Read);
            return new(key, entry.Port[0], expected.Shape, actual.Shape, expected.Read, readPort);
        }

        // Only numbers that both traces kept can be compared.
        int[] rows = [.. expected.Rows.Intersect(actual.Rows)];
        int[] columns = [.. expected.Columns.Intersect(actual.Columns)];
        if (rows.Length * columns.Length == 0)
        {
            return new(key, null, original.ShapeOf(key), null, () => original.Read(key), null);
        }

        var shape = expected.ShapeOf(rows, columns);
        var hidden = padding?.RowsOf(key, expected.Shape, rows);
        Func<Activation> read = () => expected.Read(rows, columns);
        return new(key, entry.Port[0], shape, shape, read, Hiding(hidden, read, () => actual.Read(rows, columns)));
    }

    private static Func<Activation> Hiding(bool[]? rows, Func<Activation> original, Func<Activation> port) =>
        rows is null ? port : () => PaddedRows.Hide(rows, original(), port());

    /// <summary>A key of the original, the port's keys whose outputs are joined, and its place in the order.</summary>
    internal sealed record Entry(TraceKey Key, TraceKey[] Port, double Place);
}
