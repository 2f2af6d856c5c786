using System.Numerics;
using System.Runtime.InteropServices;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>The choice of the best token on the host.</summary>
internal static class Greedy
{
    /// <summary>The first index of the largest logit.</summary>
    public static int Best(ReadOnlySpan<float> logits)
    {
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(logits);
        var largest = new Vector<float>(float.NegativeInfinity);
        foreach (var vector in vectors)
        {
            largest = Vector.Max(largest, vector);
        }

        var best = float.NegativeInfinity;
        for (var i = 0; i < Vector<float>.Count; i++)
        {
            best = Math.Max(best, largest[i]);
        }

        foreach (var logit in logits[(vectors.Length * Vector<float>.Count)..])
        {
            best = Math.Max(best, logit);
        }

        return logits.IndexOf(best);
    }
}
