using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Steps;
using TorchKv.Runtime.Cpu.Threads;

namespace TorchKv.Runtime.Tests.Cpu;

/// <summary>
/// Work with random numbers of tasks of random durations. It counts how often each task is published, and notices a
/// task that is published before the phase before it is complete, or that the phase does not have.
/// </summary>
internal sealed class CountedWork : IPhasedWork
{
    private readonly int[][] _published;
    private readonly int[] _spins;
    private int _outOfOrder;

    public CountedWork(Random random, int phases, int mostTasks)
    {
        _published = [.. Enumerable.Range(0, phases).Select(_ => new int[random.Next(1, mostTasks + 1)])];
        _spins = [.. Enumerable.Range(0, 64).Select(_ => random.Next(200))];
    }

    public Action? OnCompute { get; init; }

    public int PhaseCount => _published.Length;

    public int Published => _published.Sum(phase => phase.Sum());

    public int Total => _published.Sum(phase => phase.Length);

    public int TaskCount(int phase) => _published[phase].Length;

    public void Compute(int phase, int task, Workspace workspace)
    {
        if (task >= _published[phase].Length)
        {
            Interlocked.Increment(ref _outOfOrder);
        }

        OnCompute?.Invoke();
        Thread.SpinWait(_spins[(phase + task) % _spins.Length]);
    }

    public void Anticipate(int phase, int thread, int threads, int call)
    {
    }

    public void Publish(int phase, int task, Workspace workspace)
    {
        if (phase > 0 && _published[phase - 1].Any(count => Volatile.Read(ref count) != 1))
        {
            Interlocked.Increment(ref _outOfOrder);
        }

        Interlocked.Increment(ref _published[phase][task]);
    }

    /// <summary>Forgets all counts, for another run of the same work.</summary>
    public void Clear() => Array.ForEach(_published, Array.Clear);

    public void CheckComplete()
    {
        Assert.All(_published, phase => Assert.All(phase, count => Assert.Equal(1, count)));
        Assert.Equal(0, _outOfOrder);
    }
}
