using TorchKv.PortChecking.Traces;
using Entry = TorchKv.PortChecking.Comparison.TracePairing.Entry;

namespace TorchKv.PortChecking.Comparison;

/// <summary>
/// Finds the part of the model's own output that is the port's. With labels, HuggingFace's models return the loss
/// before the logits, as a tuple or as an object with names.
/// </summary>
internal static class ModelOutputs
{
    /// <summary>
    /// Exchanges the port's keys of the first part and of the part that the port gives, where these differ.
    /// </summary>
    public static void Match(RecordedTrace original, RecordedTrace port, List<Entry> entries)
    {
        // A wrapper gives the model's own output too.
        var outputs = entries.Where(entry => entry.Port is [var key] && key.Module == port.Root)
            .ToLookup(entry => entry.Key with { Part = null });
        foreach (var parts in outputs)
        {
            var own = parts.First().Port[0] with { Part = null };
            var first = parts.FirstOrDefault(entry => entry.Key.Part is null);
            if (first is null || !port.Contains(own) || IsLike(first, own))
            {
                continue;
            }

            var like = parts.Where(entry => entry != first && !port.Contains(entry.Port[0]) && IsLike(entry, own));
            if (like.OrderByDescending(entry => entry.Key.Part == "logits").FirstOrDefault() is { } match)
            {
                entries[entries.IndexOf(first)] = first with { Port = match.Port };
                entries[entries.IndexOf(match)] = match with { Port = [own] };
            }
        }

        bool IsLike(Entry entry, TraceKey key) =>
            ErrorMeasure.AreComparable(original.FullShapeOf(entry.Key), port.FullShapeOf(key));
    }
}
