using System.Diagnostics;

namespace TorchKv.Runtime.Cpu;

/// <summary>Work in phases of numbered tasks. All tasks of a phase may run at once; a phase begins when the one before is published.</summary>
internal interface IPhasedWork
{
    int PhaseCount { get; }

    int TaskCount(int phase);

    /// <summary>
    /// Computes a task into the workspace: a pure function of what earlier phases published, so that two threads that compute it get
    /// the same bits. A thread that was put to sleep in the middle may go on here after the phase, or the step, is over; then its inputs
    /// change under it, and its result is dropped. It must stay within memory whatever it reads.
    /// </summary>
    void Compute(int phase, int task, Workspace workspace);

    /// <summary>
    /// Puts the workspace's result where later phases read it. Called once for each task, while its phase lasts, and the phase lasts until it
    /// returns: it copies, and computes nothing.
    /// </summary>
    void Publish(int phase, int task, Workspace workspace);

    /// <summary>
    /// Called by a thread that finds nothing to claim, again and again while it waits for the others: it may fetch into its caches a little
    /// of what it will read next. It changes nothing, and returns within a microsecond.
    /// </summary>
    /// <param name="phase">The phase that is about to end.</param>
    /// <param name="thread">Which of the threads it is.</param>
    /// <param name="threads">How many there are.</param>
    /// <param name="call">0 for the first call in this phase, then 1, 2, ….</param>
    void Anticipate(int phase, int thread, int threads, int call);
}
