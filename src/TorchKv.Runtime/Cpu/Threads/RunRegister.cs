namespace TorchKv.Runtime.Cpu.Threads;

/// <summary>
/// The run in progress, and which threads work on which run. A helper may be late: it still computes for a run that is
/// over. Until it has left, neither that run nor its work is used for another one. So a late helper reads its own run,
/// never parts of two.
/// </summary>
/// <remarks>
/// These are hazard pointers (Michael 2004). One thread begins and ends runs; helpers enter and leave them at any time.
/// </remarks>
/// <param name="threads">Threads, including the one that begins runs.</param>
internal sealed class RunRegister(int threads)
{
    // A run for each helper to be late with, and one more. They are used again, so that a run allocates nothing.
    private readonly PhasedRun[] _runs = [.. Enumerable.Range(0, threads).Select(_ => new PhasedRun())];

    // Per thread: the run that it works on; null: none.
    private readonly PhasedRun?[] _entered = new PhasedRun?[threads];

    // The run in progress; null: none.
    private PhasedRun? _current;

    /// <summary>Begins a run. The one before must have ended.</summary>
    /// <param name="work">The work, which must not be in use.</param>
    /// <param name="first">The serial number of its first phase.</param>
    public PhasedRun Begin(IPhasedWork work, long first)
    {
        var free = 0;
        while (Array.IndexOf(_entered, _runs[free]) >= 0)
        {
            free++;
        }

        var run = _runs[free];
        run.Set(work, first);
        Volatile.Write(ref _current, run);
        return run;
    }

    /// <summary>Ends the run in progress: no helper enters it any more.</summary>
    /// <remarks>
    /// The exchange is a full fence: what is read of <see cref="_entered"/> afterwards shows every helper for which
    /// <see cref="Enter"/> found this run in progress.
    /// </remarks>
    public void End() => Interlocked.Exchange(ref _current, null);

    /// <summary>
    /// Whether a helper may still work on an earlier run of this work. It must not be called during a run. At most as
    /// many works as there are helpers are in use then.
    /// </summary>
    public bool IsInUse(IPhasedWork work)
    {
        foreach (var run in _entered)
        {
            if (run?.Work == work)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Announces that a helper works on the run in progress; null: there is none.</summary>
    public PhasedRun? Enter(int thread)
    {
        var run = Volatile.Read(ref _current);
        if (run is null)
        {
            return null;
        }

        // End() clears the run in progress and then reads who has entered it. A helper enters it and then reads whether
        // it is still in progress. With a full fence in between on both sides, at least one of them sees the other.
        Volatile.Write(ref _entered[thread], run);
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _current) == run)
        {
            return run;
        }

        Leave(thread);
        return null;
    }

    /// <summary>Announces that a helper works on no run.</summary>
    public void Leave(int thread) => Volatile.Write(ref _entered[thread], null);
}
