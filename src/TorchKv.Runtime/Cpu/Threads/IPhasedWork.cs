using TorchKv.Runtime.Cpu.Steps;

namespace TorchKv.Runtime.Cpu.Threads;

/// <summary>
/// Work for a <see cref="ThreadTeam"/>: phases in order, each of numbered tasks. The tasks of a phase may run at the
/// same time. A phase begins when every task of the phase before is published. Phases and tasks must not change while
/// <see cref="ThreadTeam.IsInUse"/> says that a thread may still work on them.
/// </summary>
internal interface IPhasedWork
{
    /// <summary>The number of phases.</summary>
    int PhaseCount { get; }

    /// <summary>The number of tasks of a phase.</summary>
    int TaskCount(int phase);

    /// <summary>
    /// Computes a task into the workspace. Its result must depend only on data that earlier phases published: two
    /// threads may compute the same task, and must get the same bits.
    /// </summary>
    /// <remarks>
    /// The operating system may preempt a thread in this method until the phase, or even the run, is over. Such a late
    /// thread computes with activations, keys and values that other threads are changing, and its result is dropped.
    /// So these numbers may decide no address.
    /// </remarks>
    void Compute(int phase, int task, Workspace workspace);

    /// <summary>
    /// Copies the result from the workspace to the place where later phases read it. It is called once for each task.
    /// The phase cannot end before it returns, so it must be short.
    /// </summary>
    void Publish(int phase, int task, Workspace workspace);

    /// <summary>
    /// Prefetches data that the thread reads in a later phase. A thread calls it repeatedly while it has no task and
    /// waits for the others. It must change nothing and return within a microsecond.
    /// </summary>
    /// <param name="phase">The phase that is about to end.</param>
    /// <param name="thread">The number of the calling thread.</param>
    /// <param name="threads">The number of threads.</param>
    /// <param name="call">0 for the thread's first call in this phase, then 1, 2, ….</param>
    void Anticipate(int phase, int thread, int threads, int call);
}
