using TorchKv.PortChecking.Mapping;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Comparison;

/// <summary>The outputs of two traces that belong together, in the order in which they are compared.</summary>
/// <param name="Pairs">One pair for each output of the original in a step that the port ran.</param>
/// <param name="Extra">The port's outputs that belong to none of the original's.</param>
/// <param name="MissingSteps">The original's steps that the port did not run.</param>
/// <param name="HasPadding">Whether some tokens are padding and not compared.</param>
internal sealed record TracePairing(
    IReadOnlyList<ComparedPair> Pairs, IReadOnlyList<TraceKey> Extra, IReadOnlyList<int> MissingSteps, bool HasPadding)
{
    /// <summary>Finds the port's output for each output of the original.</summary>
    public static TracePairing Of(RecordedTrace original, RecordedTrace port, ModuleMapping mapping)
    {
        var index = new KeyIndex(port);
        var entries = new List<Entry>();
        var used = new HashSet<TraceKey>();
        foreach (var (key, place) in original.Order.Select((key, i) => (key, i)))
        {
            var modules = key.Module == original.Root ? [port.Root] : mapping.Map(key.Module);
            if (!index.Steps.Contains(key.Step) || modules.Count == 0)
            {
                continue;
            }

            // A trace without numbered calls has the output of the last call.
            TraceKey[] keys = [.. modules.Select(module => key with
            {
                Module = module,
                Call = original.CallsAreNumbered ? key.Call : index.LastCall(key.Step, module),
            })];
            used.UnionWith(keys);
            entries.Add(new(key, Array.TrueForAll(keys, index.Contains) ? keys : [], place));
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
        var (key, keys) = (entry.Key, entry.Port);
        var shape = original.ShapeOf(key);
        if (keys.Length == 0)
        {
            return new(key, null, shape, null, () => original.Read(key), null);
        }

        var portShape = JoinedOutputs.Shape([.. keys.Select(port.ShapeOf)]);
        Func<Activation> expected = () => original.Read(key);
        Func<Activation> actual = () => JoinedOutputs.Join([.. keys.Select(port.Read)]);
        var originalIsSampled = original.Facts.Sampled.ContainsKey(key.ToString());
        var portIsSampled = port.Facts.Sampled.ContainsKey(keys[0].ToString());
        if (originalIsSampled && !portIsSampled)
        {
            (portShape, actual) = Sampled(portShape, actual, original.Facts.MaxElements);
        }
        else if (portIsSampled && !originalIsSampled)
        {
            (shape, expected) = Sampled(shape, expected, port.Facts.MaxElements);
        }

        var compared = padding is null ? actual : () => padding.Hide(expected(), actual());
        return new(key, keys[0], shape, portShape, expected, compared);
    }

    private static (int[] Shape, Func<Activation> Read) Sampled(int[] shape, Func<Activation> read, int maxElements) =>
        (TraceSampling.Positions(shape, maxElements)?.Shape ?? shape, () => TraceSampling.Apply(read(), maxElements));

    /// <summary>A key of the original, the port's keys whose outputs are joined, and its place in the order.</summary>
    internal sealed record Entry(TraceKey Key, TraceKey[] Port, double Place);
}
