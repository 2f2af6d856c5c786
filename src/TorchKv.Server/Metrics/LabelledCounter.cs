using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace TorchKv.Server.Metrics;

/// <summary>Counters of one name with different values of labels.</summary>
/// <param name="known">Label values that are there from the start, at 0.</param>
internal sealed class LabelledCounter(params string[] known)
{
    private readonly ConcurrentDictionary<string, StrongBox<long>> _counts =
        new(known.Select(label => KeyValuePair.Create(label, new StrongBox<long>())));

    /// <summary>Label values and counts, in order of label.</summary>
    public IEnumerable<(string Label, long Count)> Counts => _counts
        .OrderBy(count => count.Key, StringComparer.Ordinal)
        .Select(count => (count.Key, Volatile.Read(ref count.Value.Value)));

    /// <summary>Counts one more. The values must come from a small set: each stays for good.</summary>
    public void Add(string label)
        => Interlocked.Increment(ref _counts.GetOrAdd(label, _ => new StrongBox<long>()).Value);
}
