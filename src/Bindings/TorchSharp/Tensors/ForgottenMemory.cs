using System.Runtime.CompilerServices;

namespace TorchSharp;

/// <summary>
/// The collector sees a tensor's few managed bytes, not the gigabytes behind them. What is created outside of any scope and
/// not disposed is added up here, and the collector is called once that may be worth it.
/// </summary>
internal static class ForgottenMemory
{
    // A collection takes about a millisecond, filling this much memory fifty times as long.
    private const long Budget = 512L << 20;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private static long s_bytes;

    public static void Add(long bytes)
    {
        if (Interlocked.Add(ref s_bytes, bytes) > Budget)
        {
            Interlocked.Exchange(ref s_bytes, 0);
            Collect();
        }
    }

    /// <summary>Takes back what was disposed, or given to a scope, after all.</summary>
    public static void Remove(long bytes) => Interlocked.Add(ref s_bytes, -bytes);

    // Finalizers release the memory: wait for them, but not for ever, as the caller may hold what one of them needs.
    private static void Collect()
    {
        var finalised = new ManualResetEventSlim();
        LeaveToCollector(finalised);
        GC.Collect();
        finalised.Wait(s_patience);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LeaveToCollector(ManualResetEventSlim finalised) => _ = new Sentinel(finalised);

    private sealed class Sentinel(ManualResetEventSlim finalised)
    {
        ~Sentinel() => finalised.Set();
    }
}
