using System.Diagnostics;

namespace TorchKv.Runtime.Cpu;

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

    private IPhasedWork? _work;
    private long _firstSerial;
    private long _endSerial;
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

    /// <summary>Runs all phases. After it has thrown, no task is published.</summary>
    /// <exception cref="OperationCanceledException">
    /// The token was cancelled, or <see cref="Abandon"/> was called, before the end of the last phase.
    /// </exception>
    public void Run(IPhasedWork phases, CancellationToken cancellationToken)
    {
        var serial = Volatile.Read(ref _state) + 1;
        var end = serial + phases.PhaseCount;
        _work = phases;

        // These are written in this order and read in the reverse order. So no thread takes the last run's state for a
        // phase of this run.
        Volatile.Write(ref _firstSerial, serial);
        Volatile.Write(ref _endSerial, end);
        Interlocked.Exchange(ref _state, serial);
        if (Volatile.Read(ref _sleeping) > 0)
        {
            lock (_gate)
            {
                Monitor.PulseAll(_gate);
            }
        }

        Work(0, cancellationToken);
        if (Ended(cancellationToken) && Seal(end))
        {
            throw new OperationCanceledException(cancellationToken);
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

    /// <summary>Whether a serial number belongs to the run in progress, and to which of its phases.</summary>
    private bool Running(long serial, out int phase)
    {
        var end = Volatile.Read(ref _endSerial);
        var first = Volatile.Read(ref _firstSerial);
        phase = (int)(serial - first);
        return serial >= first && serial < end;
    }

    private bool Running() => !_abandoned && Running(Volatile.Read(ref _state), out _);

    private void Help(int thread)
    {
        while (!_stopping)
        {
            Work(thread, CancellationToken.None);
            var spins = 0;
            while (!_stopping && !Running())
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
                    if (!_stopping && !Running())
                    {
                        Monitor.Wait(_gate);
                    }

                    _sleeping--;
                }

                spins = 0;
            }
        }
    }

    /// <summary>Claims and computes tasks until the run is complete or cancelled.</summary>
    private void Work(int thread, CancellationToken cancellationToken)
    {
        var workspace = _workspaces[thread];
        long timed = -1, taskTime = 0;
        while (!_abandoned && !cancellationToken.IsCancellationRequested)
        {
            var serial = Volatile.Read(ref _state);
            if (!Running(serial, out var phase) || _work is not { } current || phase >= current.PhaseCount)
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

    private void Execute(IPhasedWork current, long serial, int phase, int task, Workspace workspace)
    {
        current.Compute(phase, task, workspace);
        if (TakeRight(serial, task))
        {
            current.Publish(phase, task, workspace);
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
    /// <param name="current">The work.</param>
    /// <param name="serial">The serial number of the phase.</param>
    /// <param name="phase">The phase.</param>
    /// <param name="count">Its number of tasks.</param>
    /// <param name="wait">
    /// Stopwatch ticks after which a task is overdue, if more than <see cref="ShortestWait"/>.
    /// </param>
    /// <param name="thread">The number of the calling thread.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    private void Finish(
        IPhasedWork current,
        long serial,
        int phase,
        int count,
        long wait,
        int thread,
        CancellationToken cancellationToken)
    {
        var calls = 0;
        long began = 0;
        current.Anticipate(phase, thread, _workspaces.Length, calls++);
        wait = Math.Max(wait, ShortestWait);
        for (var task = 0; task < count; task++)
        {
            for (var spins = 1; Volatile.Read(ref _published[task]) < 2 * serial; spins++)
            {
                if (Volatile.Read(ref _state) != serial || Ended(cancellationToken))
                {
                    return;
                }

                current.Anticipate(phase, thread, _workspaces.Length, calls++);
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
                    Execute(current, serial, phase, task, _workspaces[thread]);
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
    private bool Seal(long end)
    {
        var sealedAny = false;
        while (true)
        {
            var serial = Volatile.Read(ref _state);
            if (serial >= end)
            {
                return sealedAny;
            }

            sealedAny = true;
            var count = _work!.TaskCount((int)(serial - _firstSerial));
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
            Interlocked.CompareExchange(ref _state, end, serial);
        }
    }
}
