using System.Diagnostics;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>
/// Threads that run the same probe together and sleep between probes, so that what is measured in between has the
/// machine.
/// </summary>
internal sealed class ProbeTeam : IDisposable
{
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Thread[] _helpers;
    private Action<int> _work = _ => { };
    private int _ready;
    private int _done;
    private volatile bool _go;
    private volatile bool _stopping;

    /// <param name="threads">Threads that take part, the caller's included.</param>
    public ProbeTeam(int threads)
    {
        Threads = threads;
        _helpers =
        [
            .. Enumerable.Range(1, threads - 1).Select(index => new Thread(() => Help(index)) { IsBackground = true }),
        ];
        foreach (var helper in _helpers)
        {
            helper.Start();
        }
    }

    public int Threads { get; }

    /// <summary>
    /// Runs <paramref name="work"/> once on every thread; seconds from the moment when all are awake until the last has
    /// ended.
    /// </summary>
    public double Run(Action<int> work)
    {
        _work = work;
        _ready = _done = 0;
        _go = false;
        if (_helpers.Length > 0)
        {
            _wake.Release(_helpers.Length);
        }

        SpinWait.SpinUntil(() => Volatile.Read(ref _ready) == _helpers.Length);
        var began = Stopwatch.GetTimestamp();
        _go = true;
        work(0);

        // No SpinWait.SpinUntil: it sleeps a millisecond when it has spun for a while, a tenth of a pass.
        while (Volatile.Read(ref _done) != _helpers.Length)
        {
            Thread.SpinWait(1);
        }

        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    public void Dispose()
    {
        _stopping = true;
        _wake.Release(Threads);
        foreach (var helper in _helpers)
        {
            helper.Join();
        }

        _wake.Dispose();
    }

    private void Help(int index)
    {
        while (true)
        {
            _wake.Wait();
            if (_stopping)
            {
                return;
            }

            Interlocked.Increment(ref _ready);
            while (!_go)
            {
                Thread.SpinWait(1);
            }

            _work(index);
            Interlocked.Increment(ref _done);
        }
    }
}
