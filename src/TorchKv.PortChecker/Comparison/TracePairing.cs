using TorchKv.PortChecking.Mapping;
using TorchKv.PortChecking.Text;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Comparison;

/// <summary>Finds for each output of the original the port's, and the order in which they are to be judged.</summary>
internal static class TracePairing
{
    public static (List<ComparedPair> Pairs, List<string> Extra) Pair(RecordedTrace original, RecordedTrace port, ModuleMapping mapping, List<string> notes)
    {
        var portPlace = new Dictionary<TraceKey, int>();
        var lastCall = new Dictionary<(int, string), int>();
        for (var i = 0; i < port.Order.Count; i++)
        {
            var key = port.Order[i];
            portPlace[key] = i;
            lastCall[(key.Step, key.Module)] = Math.Max(key.Call, lastCall.GetValueOrDefault((key.Step, key.Module)));
        }

        var portSteps = port.Order.Select(key => key.Step).ToHashSet();
        var missingSteps = original.Order.Select(key => key.Step).Where(step => !portSteps.Contains(step)).Distinct().ToArray();
        if (missingSteps.Length > 0)
        {
            notes.Add($"steps {Figures.Ranges(missingSteps)} of the original were not run by the port");
        }

        var entries = new List<(TraceKey Key, TraceKey[] Port, double Place)>();
        var used = new HashSet<TraceKey>();
        for (var i = 0; i < original.Order.Count; i++)
        {
            var key = original.Order[i];
            if (!portSteps.Contains(key.Step))
            {
                continue;
            }

            var modules = key.Module == original.Root ? [port.Root] : mapping.Map(key.Module);
            if (modules.Count == 0)
            {
                continue;
            }

            // A trace without numbered calls keeps the last one's output.
            var counterparts = modules.Select(module => key with
            {
                Module = module,
                Call = original.CallsAreNumbered ? key.Call : lastCall.GetValueOrDefault((key.Step, module), 1),
            }).ToArray();
            entries.Add((key, Array.TrueForAll(counterparts, portPlace.ContainsKey) ? counterparts : [], i));
            used.UnionWith(counterparts);
        }

        if (!original.CallsAreNumbered)
        {
            entries = Reorder(original, port, entries, portPlace);
        }

        var steps = original.Order.Select(key => key.Step).ToHashSet();
        var extra = port.Order.Where(key => steps.Contains(key.Step) && key.Part is null && !used.Contains(key)
            && (original.CallsAreNumbered || key.Call == lastCall[(key.Step, key.Module)])).Select(key => key.ToString()).ToList();
        var padded = PaddedRows.Read(original);
        if (padded is not null)
        {
            notes.Add("tokens that are padding by the attention mask are not compared");
        }

        return ([.. entries.Select(entry => Pair(original, port, entry.Key, entry.Port, padded))], extra);
    }

    /// <summary>
    /// The place in "order" of a module that was called several times is its first call's, its numbers are the last one's. It is
    /// judged where the last call was: by the port's order, or, if that does not tell either, after the output that it repeats.
    /// </summary>
    private static List<(TraceKey Key, TraceKey[] Port, double Place)> Reorder(
        RecordedTrace original, RecordedTrace port, List<(TraceKey Key, TraceKey[] Port, double Place)> entries, Dictionary<TraceKey, int> portPlace)
    {
        for (var i = 0; i < entries.Count; i++)
        {
            var (key, counterparts, place) = entries[i];
            if (counterparts.Length == 1 && counterparts[0].Call > 1)
            {
                var at = portPlace[counterparts[0]];
                var before = entries.Where(e => e.Port.Length > 0 && e.Port[0].Call == 1 && e.Key.Step == key.Step && portPlace[e.Port[^1]] < at);
                entries[i] = (key, counterparts, Math.Max(place, before.Select(e => e.Place).DefaultIfEmpty(place).Max() + 0.5));
            }
            else if (!port.CallsAreNumbered && IsPassive(key.Module) && Repeats(original, key, i, entries) is { } later)
            {
                entries[i] = (key, counterparts, later + 0.5);
            }
        }

        return [.. entries.OrderBy(entry => entry.Key.Step).ThenBy(entry => entry.Place)];
    }

    private static bool IsPassive(string module) => module.Split('.')[^1].Contains("drop", StringComparison.OrdinalIgnoreCase);

    // Where a module that passes its input on has the numbers of a later output and not those of the one before it.
    private static double? Repeats(RecordedTrace original, TraceKey key, int index, List<(TraceKey Key, TraceKey[] Port, double Place)> entries)
    {
        var own = original.Read(key).Values;
        if (index > 0 && entries[index - 1].Key.Step == key.Step && original.Read(entries[index - 1].Key).Values.AsSpan().SequenceEqual(own))
        {
            return null;
        }

        // Only its own parent calls it again.
        var parent = key.Module[..(key.Module.LastIndexOf('.') + 1)];
        for (var j = index + 1; j < entries.Count && entries[j].Key.Step == key.Step; j++)
        {
            if (entries[j].Key.Module.StartsWith(parent, StringComparison.Ordinal) && !entries[j].Key.Contains(key, original.Root) && original.Read(entries[j].Key).Values.AsSpan().SequenceEqual(own))
            {
                return entries[j].Place;
            }
        }

        return null;
    }

    private static ComparedPair Pair(RecordedTrace original, RecordedTrace port, TraceKey key, TraceKey[] counterparts, PaddedRows? padded)
    {
        var shape = original.ShapeOf(key);
        if (counterparts.Length == 0)
        {
            return new(key, null, shape, null, () => original.Read(key), null);
        }

        var portShape = counterparts.Length == 1 ? port.ShapeOf(counterparts[0]) : Joined(counterparts.Select(port.ShapeOf).ToArray());
        var (originalSampled, portSampled) = (original.Facts.Sampled.ContainsKey(key.ToString()), port.Facts.Sampled.ContainsKey(counterparts[0].ToString()));
        Func<Activation> expected = () => original.Read(key);
        Func<Activation> actual = () => counterparts.Length == 1 ? port.Read(counterparts[0]) : Join([.. counterparts.Select(port.Read)], counterparts[0]);
        if (originalSampled && !portSampled)
        {
            var whole = actual;
            actual = () => TraceSampling.Apply(whole(), original.Facts.MaxElements);
            portShape = TraceSampling.Positions(portShape, original.Facts.MaxElements)?.Shape ?? portShape;
        }
        else if (portSampled && !originalSampled)
        {
            var whole = expected;
            expected = () => TraceSampling.Apply(whole(), port.Facts.MaxElements);
            shape = TraceSampling.Positions(shape, port.Facts.MaxElements)?.Shape ?? shape;
        }

        if (padded is not null)
        {
            var whole = actual;
            actual = () => padded.Hide(expected(), whole());
        }

        return new(key, counterparts[0], shape, portShape, expected, actual);
    }

    private static int[] Joined(int[][] shapes) => [.. shapes[0][..^1], shapes.Sum(shape => shape.Length == 0 ? 0 : shape[^1])];

    // Along the last dimension.
    private static Activation Join(Activation[] parts, TraceKey key)
    {
        var shape = Joined([.. parts.Select(part => part.Shape)]);
        var rows = parts[0].Rows;
        if (Array.Exists(parts, part => part.Rows != rows))
        {
            throw new TraceException($"{string.Join(", ", parts.Select(part => $"{part.Key} {Figures.ShapeText(part.Shape)}"))} cannot be joined along the last dimension.");
        }

        var values = new float[parts.Sum(part => part.Values.Length)];
        var at = 0;
        for (var row = 0; row < rows; row++)
        {
            foreach (var part in parts)
            {
                part.Row(row).CopyTo(values.AsSpan(at));
                at += part.Columns;
            }
        }

        return new(key, shape, parts[0].DType, values);
    }
}
