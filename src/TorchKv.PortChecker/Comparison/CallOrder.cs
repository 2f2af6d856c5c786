using TorchKv.PortChecking.Traces;
using Entry = TorchKv.PortChecking.Comparison.TracePairing.Entry;

namespace TorchKv.PortChecking.Comparison;

/// <summary>
/// Puts modules that were called several times in their place. In a trace without numbered calls such a module stands
/// at its first call and has the output of its last call.
/// </summary>
internal static class CallOrder
{
    /// <summary>
    /// Moves a module to its last call: by the port's order, or, where that does not tell, after the output that it
    /// repeats.
    /// </summary>
    public static List<Entry> Sort(RecordedTrace original, RecordedTrace port, List<Entry> entries, KeyIndex index)
    {
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            if (entry.Port is [{ Call: > 1 } last])
            {
                var at = index.Place(last);
                var before = entries.Where(e => e.Port.Length > 0 && e.Port[0].Call == 1
                    && e.Key.Step == entry.Key.Step && index.Place(e.Port[^1]) < at);
                var after = before.Select(e => e.Place).DefaultIfEmpty(entry.Place).Max() + 0.5;
                entries[i] = entry with { Place = Math.Max(entry.Place, after) };
            }
            else if (!port.CallsAreNumbered && IsPassive(entry.Key.Module)
                && RepeatedAt(original, entries, i) is { } later)
            {
                entries[i] = entry with { Place = later + 0.5 };
            }
        }

        return [.. entries.OrderBy(entry => entry.Key.Step).ThenBy(entry => entry.Place)];
    }

    // Whether a module returns its input unless it is in training mode.
    private static bool IsPassive(string module) =>
        module[(module.LastIndexOf('.') + 1)..].Contains("drop", StringComparison.OrdinalIgnoreCase);

    // The place of the later output that a module repeats, if it does not repeat the one before it.
    private static double? RepeatedAt(RecordedTrace original, List<Entry> entries, int index)
    {
        var key = entries[index].Key;
        var own = original.Read(key).Values;
        if (index > 0 && entries[index - 1].Key.Step == key.Step && Repeats(entries[index - 1]))
        {
            return null;
        }

        // Only its own parent calls it again.
        var parent = key.Module[..(key.Module.LastIndexOf('.') + 1)];
        return entries.Skip(index + 1).TakeWhile(entry => entry.Key.Step == key.Step).FirstOrDefault(entry =>
            entry.Key.Module.StartsWith(parent, StringComparison.Ordinal)
            && !entry.Key.Contains(key, original.Root) && Repeats(entry))?.Place;

        bool Repeats(Entry entry) => original.Read(entry.Key).Values.AsSpan().SequenceEqual(own);
    }
}
