namespace TorchKv.TestSupport;

/// <summary>Counts what code allocates on the managed heap.</summary>
internal static class Allocations
{
    /// <summary>
    /// The fewest bytes of five rounds on this thread: the runtime's own allocations (a type's first use, recompilation) fall into one
    /// round or another, those of the code itself into every one.
    /// </summary>
    public static long Fewest(Action round) => Fewest(() => round);

    /// <summary>As above, where a round needs something made first that does not count.</summary>
    public static long Fewest(Func<Action> prepare)
    {
        var fewest = long.MaxValue;
        for (var i = 0; i < 5; i++)
        {
            var round = prepare();
            var before = GC.GetAllocatedBytesForCurrentThread();
            round();
            fewest = Math.Min(fewest, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return fewest;
    }
}
