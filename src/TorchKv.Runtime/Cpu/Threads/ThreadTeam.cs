using System.Diagnostics;
using TorchKv.Runtime.Cpu.Steps;

namespace TorchKv.Runtime.Cpu.Threads;

/// <summary>
/// Runs phased work on the calling thread and on helper threads. It does not wait for a thread that the operating
/// system has preempted. A thread that finds no task to claim waits for twice the time that such a task takes. Then it
/// computes the claimed but unpublished tasks itself. A compare-and-swap gives one thread the right to publish a task;
/// the late thread does not get it and drops its result.
/// </summary>
/// <remarks>
/// <para>
/// The tasks of a phase are split into as many ranges as there are threads. A thread claims tasks of its own range
/// first, so that it reads one contiguous stream of memory, and then tasks of the other ranges. A claim is only a hint:
/// if two threads compute the same task, they get the same bits and one of them publishes.
/// </para>
/// <para>
/// Any thread that finds all tasks published starts the next phase. Threads do wait for one that was preempted while it
/// publishes; they yield their processors meanwhile. Only one <see cref="Run"/> may be in progress. Helpers spin for
/// tens of microseconds after a run and then sleep.
/// </para>
/// </remarks>
internal sealed class ThreadTeam : IDisposable
{
    private const int TaskBits = 24;
    private const long TaskMask = (1L << TaskBits) - 1;

    /// <summary>The most tasks that a phase may have.</summary>
    public const int MostTasks = (int)TaskMask / 2;

    /// <summary>
    /// Spins before a helper sleeps. They take tens of microseconds, longer than a caller takes between two decode
    /// steps.
    /// </summary>
    private const int SpinsBeforeSleep = 2_000;

    /// <summary>20 µs: the shortest wait before a thread computes a task that another one has claimed.</summary>
    private static readonly long ShortestWait = Stopwatch.Frequency / 50_000;

    /// <summary>
    /// Longs between the claims of two ranges: two cache lines, because processors fetch lines in pairs.
    /// </summary>
    private const int ClaimStride = 16;

    private readonly object _gate = new();
    private readonly Thread[] _helpers;
    private readonly Workspace[] _workspaces;

    // Per task: 2 · serial − 1 while a thread publishes it in the phase of that serial number, 2 · serial afterwards.
    // Values only grow, so a late thread's compare-and-swap fails.
    private readonly long[] _published;

    // Per range: low bits of the phase's serial number << 24 | tasks claimed. If the serial number is another one, no
    // task of the range is claimed.
    private readonly long[] _claims;

    private readonly RunRegister _runs;
    private int _sleeping;
    private volatile bool _stopping;
    private volatile bool _abandoned;

    // The serial number of the phase in progress. Serial numbers count the phases of all runs.
    private long _state = 1;

    /// <param name="threads">Threads that compute, including the caller's.</param>
    /// <param name="mostTasks">The most tasks that a phase will have.</param>
    /// <param name="workspace">Makes the scratch memory of a thread.</param>
    public ThreadTeam(int threads, int mostTasks, Func<Workspace> workspace)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(mostTasks, MostTasks);
        _published = new long[mostTasks];
        _claims = new long[(threads + 1) * ClaimStride];
        _workspaces = new Workspace[threads];
        for (var i = 0; i < threads; i++)
        {
            _workspaces[i] = workspace();
        }

        _runs = new RunRegister(threads);
        _helpers = new Thread[threads - 1];
        for (var i = 0; i < _helpers.Length; i++)
        {
            var own = i + 1;
            _helpers[i] = new Thread(() => Help(own)) { IsBackground = true, Name = $"torchkv-{own}" };
            _helpers[i].Start();
        }
    }

    /// <summary>Helpers that sleep. Tests use it: they check that an idle team uses no processor.</summary>
    internal int Sleeping => Volatile.Read(ref _sleeping);

    /// <summary>The number of helpers, which tests compare with <see cref="Sleeping"/>.</summary>
    internal int Helpers => _helpers.Length;

    /// <summary>
    /// Whether a late helper may still work on an earlier run of this work, which must not change then. At most as many
    /// works as there are helpers are in use. It must not be called during a run.
    /// </summary>
    public bool IsInUse(IPhasedWork work) => _runs.IsInUse(work);

    /// <summary>Runs all phases. After it has thrown, no task is published.</summary>
    /// <param name="work">The work, which must not be in use.</param>
    /// <param name="cancellationToken">Ends the run.</param>
    /// <exception cref="OperationCanceledException">
    /// The token was cancelled, or <see cref="Abandon"/> was called, before the end of the last phase.
    /// </exception>
    public void Run(IPhasedWork work, CancellationToken cancellationToken)
    {
        var run = _runs.Begin(work, Volatile.Read(ref _state) + 1);
        Interlocked.Exchange(ref _state, run.First);
        if (Volatile.Read(ref _sleeping) > 0)
        {
            lock (_gate)
            {
                Monitor.PulseAll(_gate);
            }
        }

        try
        {
            Work(run, 0, cancellationToken);
            if (Ended(cancellationToken) && Seal(run))
            {
                throw new OperationCanceledException(cancellationToken);
            }
        }
        finally
        {
            _runs.End();
        }
    }

    /// <summary>Cancels the run in progress and every later one. Any thread may call it.</summary>
    public void Abandon() => _abandoned = true;

    /// <summary>Stops the helpers and waits for their end. It must not be called during a run.</summary>
    public void Dispose()
    {
        _stopping = true;
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }

        foreach (var helper in _helpers)
        {
            helper.Join();
        }

        foreach (var workspace in _workspaces)
        {
            workspace.Dispose();
        }
    }

    private bool Ended(CancellationToken cancellationToken) => _abandoned || cancellationToken.IsCancellationRequested;

    private void Help(int thread)
    {
        // The last serial number that the helper has seen.
        var seen = 1L;
        var spins = 0;
        while (!_stopping)
        {
            if (IsIdle(seen))
            {
                if (++spins < SpinsBeforeSleep)
                {
                    Thread.SpinWait(1);
                    continue;
                }

                lock (_gate)
                {
                    _sleeping++;
                    Interlocked.MemoryBarrier();
                    if (!_stopping && IsIdle(seen))
                    {
                        Monitor.Wait(_gate);
                    }

                    _sleeping--;
                }
            }

            spins = 0;
            seen = Volatile.Read(ref _state);
            if (_runs.Enter(thread) is { } run)
            {
                seen = Work(run, thread, CancellationToken.None);
                _runs.Leave(thread);
            }
        }
    }

    private bool IsIdle(long seen) => _abandoned || Volatile.Read(ref _state) == seen;

    /// <summary>Claims and computes tasks until the run is complete or cancelled.</summary>
    /// <returns>The last serial number seen.</returns>
    private long Work(PhasedRun run, int thread, CancellationToken cancellationToken)
    {
        var work = run.Work;
        var workspace = _workspaces[thread];
        long timed = -1, taskTime = 0;
        while (true)
        {
            var serial = Volatile.Read(ref _state);
            if (!run.Has(serial) || Ended(cancellationToken))
            {
                return serial;
            }

            var phase = (int)(serial - run.First);
            var count = work.TaskCount(phase);
            if (!TryClaim(serial, thread, count, out var task))
            {
                Finish(work, serial, phase, count, timed == serial ? 2 * taskTime : 0, thread, cancellationToken);
                continue;
            }

            var began = Stopwatch.GetTimestamp();
            Execute(work, serial, phase, task, workspace);
            taskTime = Stopwatch.GetTimestamp() - began;
            timed = serial;
        }
    }

    /// <summary>
    /// Claims an unclaimed task: of the thread's own range, or of the next range that has one.
    /// </summary>
    private bool TryClaim(long serial, int thread, int count, out int task)
    {
        var threads = _workspaces.Length;
        var tag = serial << TaskBits;
        for (var i = 0; i < threads; i++)
        {
            var range = thread + i < threads ? thread + i : thread + i - threads;
            var first = FirstTask(range, threads, count);
            var size = FirstTask(range + 1, threads, count) - first;
            ref var word = ref _claims[(range + 1) * ClaimStride];
            var seen = Volatile.Read(ref word);
            while (true)
            {
                // The state is read again because a thread that was preempted here could reset the claims of the next
                // phase. Its tasks would then be computed twice.
                var next = (seen & ~TaskMask) == tag ? (int)(seen & TaskMask) : 0;
                if (next >= size || Volatile.Read(ref _state) != serial)
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

    /// <summary>The first task of a thread's range.</summary>
    internal static int FirstTask(int thread, int threads, int count) => (int)((long)thread * count / threads);

    private void Execute(IPhasedWork work, long serial, int phase, int task, Workspace workspace)
    {
        work.Compute(phase, task, workspace);
        if (TakeRight(serial, task))
        {
            work.Publish(phase, task, workspace);
            Volatile.Write(ref _published[task], 2 * serial);
        }
    }

    /// <summary>Takes the right to publish a task. False if another thread has it, or if the phase is over.</summary>
    private bool TakeRight(long serial, int task)
    {
        var seen = Volatile.Read(ref _published[task]);
        return seen < (2 * serial) - 1
            && Interlocked.CompareExchange(ref _published[task], (2 * serial) - 1, seen) == seen;
    }

    /// <summary>
    /// Waits until every task of the phase is published, computes overdue tasks, and starts the next phase.
    /// </summary>
    /// <param name="work">The work.</param>
    /// <param name="serial">The serial number of the phase.</param>
    /// <param name="phase">The phase.</param>
    /// <param name="count">Its number of tasks.</param>
    /// <param name="wait">
    /// Stopwatch ticks after which a task is overdue, if more than <see cref="ShortestWait"/>.
    /// </param>
    /// <param name="thread">The number of the calling thread.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    private void Finish(
        IPhasedWork work,
        long serial,
        int phase,
        int count,
        long wait,
        int thread,
        CancellationToken cancellationToken)
    {
        var calls = 0;
        long began = 0;
        work.Anticipate(phase, thread, _workspaces.Length, calls++);
        wait = Math.Max(wait, ShortestWait);
        for (var task = 0; task < count; task++)
        {
            for (var spins = 1; Volatile.Read(ref _published[task]) < 2 * serial; spins++)
            {
                if (Volatile.Read(ref _state) != serial || Ended(cancellationToken))
                {
                    return;
                }

                work.Anticipate(phase, thread, _workspaces.Length, calls++);
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

                if (Volatile.Read(ref _published[task]) < (2 * serial) - 1)
                {
                    Execute(work, serial, phase, task, _workspaces[thread]);
                }
                else
                {
                    // The publisher was preempted; yield.
                    Thread.Yield();
                }
            }
        }

        Interlocked.CompareExchange(ref _state, serial + 1, serial);
    }

    /// <summary>
    /// Ends a cancelled run: takes the right to publish of every unpublished task, so that no thread publishes any
    /// more. False if the run was complete.
    /// </summary>
    private bool Seal(PhasedRun run)
    {
        var sealedAny = false;
        while (true)
        {
            var serial = Volatile.Read(ref _state);
            if (serial >= run.End)
            {
                return sealedAny;
            }

            sealedAny = true;
            var count = run.Work.TaskCount((int)(serial - run.First));
            for (var task = 0; task < count; task++)
            {
                if (TakeRight(serial, task))
                {
                    Volatile.Write(ref _published[task], 2 * serial);
                }

                for (var spins = 1; Volatile.Read(ref _published[task]) < 2 * serial; spins++)
                {
                    Thread.SpinWait(1);
                    if (spins % 1024 == 0)
                    {
                        Thread.Yield();
                    }
                }
            }

            // Skip the remaining phases. If a helper has started the next phase meanwhile, the loop seals that one.
            Interlocked.CompareExchange(ref _state, run.End, serial);
        }
    }
}
