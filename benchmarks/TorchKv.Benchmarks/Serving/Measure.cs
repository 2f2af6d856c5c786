using System.Diagnostics;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Benchmarks.Serving;

/// <summary>What the engine's rows have in common: prompts of ids, and the times of one generation's tokens.</summary>
internal static class Measure
{
    public static int[] Ids(int seed, int count, int vocabulary)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(vocabulary - 1))];
    }

    /// <summary>Milliseconds to a generation's first token and to its last.</summary>
    public static async Task<(double First, double Total)> Time(Engine engine, int[] prompt, GenerationOptions options)
    {
        var started = Stopwatch.GetTimestamp();
        var (first, last) = (0.0, 0.0);
        await foreach (var _ in engine.GenerateAsync(prompt, options))
        {
            last = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            first = first == 0 ? last : first;
        }

        return (first, last);
    }
}
