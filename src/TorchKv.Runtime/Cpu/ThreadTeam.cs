using System.Diagnostics;

namespace TorchKv.Runtime.Cpu;

/// <summary>
/// Runs phased work on the calling thread and helpers. Nobody waits for a thread that is not running: whoever finds no task left to claim
/// computes again what has been claimed and not published for longer than such a task takes, and takes the right to publish
/// it with one compare-and-swap; the late thread finds that right gone. Any thread moves the work on to its next phase.
/// The one exception is a thread put to sleep while it copies a result that it has the right to publish, for which the others give their processors up.
/// </summary>
/// <remarks>
/// A phase's tasks are shared out in as many runs as there are threads. A thread claims from its own run, which keeps what it reads in one
/// stream of memory, and from the others' once its own is claimed. A claim is a hint, not a right: where two threads get the same task, both
/// compute the same bits and one publishes them.
/// One Run at a time. Helpers spin for some microseconds after a run and then sleep.
/// </remarks>
internal sealed class ThreadTeam : IDisposable
{
    private const int TaskBits = 24;
    private const long TaskMask = (1L << TaskBits) - 1;

    /// <summary>The most tasks that a phase may have.</summary>
    public const int MostTasks = (int)TaskMask / 2;

    /// <summary>Spins before a helper sleeps: tens of microseconds, which covers what a caller does between two decode steps.</summary>
    private const int SpinsBeforeSleep = 2_000;

    private static readonly long ShortestWait = Stopwatch.Frequency / 50_000; // 20 µs

    /// <summary>Longs between two threads' claims: two cache lines, since processors fetch them in pairs.</summary>
    private const int Apart = 16;

    private readonly object gate = new();
    private readonly Thread[] helpers;
    private readonly Workspace[] workspaces;

    // Per task: 2 · serial − 1 while phase `serial` publishes it, 2 · serial once it has. It only grows, so a late thread never fits.
    private readonly long[] published;

    // Per thread's run: low bits of the phase's serial number << 24 | tasks claimed. A word of another serial number counts as none claimed.
    private readonly long[] claims;

    private IPhasedWork? work;
    private long firstSerial;
    private long endSerial;
    private int sleeping;
    private volatile bool stopping;
    private volatile bool abandoned;

    // Serial number of the phase in progress.
    private long state = 1;

    /// <param name="threads">Threads that work, the caller's included.</param>
    /// <param name="mostTasks">The most tasks that a phase may have.</param>
    /// <param name="workspace">Makes a thread's own scratch memory.</param>
    public ThreadTeam(int threads, int mostTasks, Func<Workspace> workspace)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(mostTasks, MostTasks);
        published = new long[mostTasks];
        claims = new long[(threads + 1) * Apart];
        workspaces = new Workspace[threads];
        for (var i = 0; i < threads; i++)
        {
            workspaces[i] = workspace();
        }

        helpers = new Thread[threads - 1];
        for (var i = 0; i < helpers.Length; i++)
        {
            var own = i + 1;
            helpers[i] = new Thread(() => Help(own)) { IsBackground = true, Name = $"torchkv-{own}" };
            helpers[i].Start();
        }
    }

    /// <summary>Helpers that sleep: all of them while nothing runs.</summary>
    public int Sleeping => Volatile.Read(ref sleeping);

    /// <summary>Threads beside the caller's.</summary>
    public int Helpers => helpers.Length;

    /// <summary>Runs all phases. On cancellation nothing is published any more once this has thrown.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled, or the run abandoned, before the last phase was over.</exception>
    public void Run(IPhasedWork phases, CancellationToken cancellationToken)
    {
        var serial = Volatile.Read(ref state) + 1;
        var end = serial + phases.PhaseCount;
        work = phases;

        // Written in this order and read in the reverse one, so that nobody takes the last run's state for a phase of this one.
        Volatile.Write(ref firstSerial, serial);
        Volatile.Write(ref endSerial, end);
        Interlocked.Exchange(ref state, serial);
        if (Volatile.Read(ref sleeping) > 0)
        {
            lock (gate)
            {
                Monitor.PulseAll(gate);
            }
        }

        Work(0, cancellationToken);
        if (Ended(cancellationToken) && Seal(end))
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    /// <summary>Ends the run in progress, and every later one, as a cancellation does. From any thread.</summary>
    public void Abandon() => abandoned = true;

    /// <summary>Stops the helpers and waits until they are gone. Not during a run.</summary>
    public void Dispose()
    {
        stopping = true;
        lock (gate)
        {
            Monitor.PulseAll(gate);
        }

        foreach (var helper in helpers)
        {
            helper.Join();
        }

        foreach (var workspace in workspaces)
        {
            workspace.Dispose();
        }
    }

    private bool Ended(CancellationToken cancellationToken) => abandoned || cancellationToken.IsCancellationRequested;

    /// <summary>Whether a phase of the run in progress has that serial number, and which.</summary>
    private bool Running(long serial, out int phase)
    {
        var end = Volatile.Read(ref endSerial);
        var first = Volatile.Read(ref firstSerial);
        phase = (int)(serial - first);
        return serial >= first && serial < end;
    }

    private bool Running() => !abandoned && Running(Volatile.Read(ref state), out _);

    private void Help(int thread)
    {
        while (!stopping)
        {
            Work(thread, CancellationToken.None);
            var spins = 0;
            while (!stopping && !Running())
            {
                if (++spins < SpinsBeforeSleep)
                {
                    Thread.SpinWait(1);
                    continue;
                }

                lock (gate)
                {
                    sleeping++;
                    Interlocked.MemoryBarrier();
                    if (!stopping && !Running())
                    {
                        Monitor.Wait(gate);
                    }

                    sleeping--;
                }

                spins = 0;
            }
        }
    }

    /// <summary>Claims and runs tasks until the run is over or cancelled.</summary>
    private void Work(int thread, CancellationToken cancellationToken)
    {
        var workspace = workspaces[thread];
        long timed = -1, taskTime = 0;
        while (!abandoned && !cancellationToken.IsCancellationRequested)
        {
            var serial = Volatile.Read(ref state);
            if (!Running(serial, out var phase) || work is not { } current || phase >= current.PhaseCount)
            {
                return;
            }

            var count = current.TaskCount(phase);
            if (!TryClaim(serial, thread, count, out var task))
            {
                Finish(current, serial, phase, count, timed == serial ? 2 * taskTime : 0, thread, cancellationToken);
                continue;
            }

            var began = Stopwatch.GetTimestamp();
            Execute(current, serial, phase, task, workspace);
            taskTime = Stopwatch.GetTimestamp() - began;
            timed = serial;
        }
    }

    /// <summary>A task that nobody has claimed yet: of the thread's own run, or else of the next one's that has any left.</summary>
    private bool TryClaim(long serial, int thread, int count, out int task)
    {
        var threads = workspaces.Length;
        var tag = serial << TaskBits;
        for (var i = 0; i < threads; i++)
        {
            var run = thread + i < threads ? thread + i : thread + i - threads;
            var first = FirstTask(run, threads, count);
            var size = FirstTask(run + 1, threads, count) - first;
            ref var word = ref claims[(run + 1) * Apart];
            var seen = Volatile.Read(ref word);
            while (true)
            {
                // The state is looked at again because a thread that was asleep would set the next phase's claims back, and tasks be computed twice.
                var next = (seen & ~TaskMask) == tag ? (int)(seen & TaskMask) : 0;
                if (next >= size || Volatile.Read(ref state) != serial)
                {
                    break;
                }

                var was = Interlocked.CompareExchange(ref word, tag | (uint)(next + 1), seen);
                if (was == seen)
                {
                    task = first + next;
                    return true;
                }

                seen = was;
            }
        }

        task = 0;
        return false;
    }

    /// <summary>Where a thread's run of tasks begins.</summary>
    internal static int FirstTask(int thread, int threads, int count) => (int)((long)thread * count / threads);

    private void Execute(IPhasedWork current, long serial, int phase, int task, Workspace workspace)
    {
        current.Compute(phase, task, workspace);
        if (TakeRight(serial, task))
        {
            current.Publish(phase, task, workspace);
            Volatile.Write(ref published[task], 2 * serial);
        }
    }

    private bool TakeRight(long serial, int task)
    {
        var seen = Volatile.Read(ref published[task]);
        return seen < (2 * serial) - 1 && Interlocked.CompareExchange(ref published[task], (2 * serial) - 1, seen) == seen;
    }

    /// <summary>Sees to it that every task of the phase is published, and moves on to the next phase.</summary>
    private void Finish(IPhasedWork current, long serial, int phase, int count, long wait, int thread, CancellationToken cancellationToken)
    {
        var calls = 0;
        long began = 0;
        current.Anticipate(phase, thread, workspaces.Length, calls++);
        wait = Math.Max(wait, ShortestWait);
        for (var task = 0; task < count; task++)
        {
            for (var spins = 1; Volatile.Read(ref published[task]) < 2 * serial; spins++)
            {
                if (Volatile.Read(ref state) != serial || Ended(cancellationToken))
                {
                    return;
                }

                current.Anticipate(phase, thread, workspaces.Length, calls++);
                Thread.SpinWait(1);
                if (spins % 16 != 0)
                {
                    continue;
                }

                var now = Stopwatch.GetTimestamp();
                began = began == 0 ? now : began;
                if (now - began <= wait)
                {
                    continue;
                }

                if (Volatile.Read(ref published[task]) < (2 * serial) - 1)
                {
                    Execute(current, serial, phase, task, workspaces[thread]);
                }
                else
                {
                    // Put to sleep in the middle of publishing, perhaps for this thread's sake.
                    Thread.Yield();
                }
            }
        }

        Interlocked.CompareExchange(ref state, serial + 1, serial);
    }

    /// <summary>Ends a cancelled run: takes the right to publish of every task that has it left. False if the run was over already.</summary>
    private bool Seal(long end)
    {
        var sealedAny = false;
        while (true)
        {
            var serial = Volatile.Read(ref state);
            if (serial >= end)
            {
                return sealedAny;
            }

            sealedAny = true;
            var count = work!.TaskCount((int)(serial - firstSerial));
            for (var task = 0; task < count; task++)
            {
                if (TakeRight(serial, task))
                {
                    Volatile.Write(ref published[task], 2 * serial);
                }

                for (var spins = 1; Volatile.Read(ref published[task]) < 2 * serial; spins++)
                {
                    Thread.SpinWait(1);
                    if (spins % 1024 == 0)
                    {
                        Thread.Yield();
                    }
                }
            }

            // Past the last phase; a helper that has moved on to the next one meanwhile is sealed there.
            Interlocked.CompareExchange(ref state, end, serial);
        }
    }
}
