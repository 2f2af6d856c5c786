using TorchKv.Runtime.Cpu.Steps;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>
/// A phase of the forward pass: for any step it knows its tasks, computes each into a thread's workspace, and publishes
/// the result. See <see cref="Threads.IPhasedWork"/> for the rules.
/// </summary>
internal abstract class Phase
{
    /// <summary>At least as many tasks as any step of up to this many tokens has.</summary>
    public abstract int MostTasks(int maxTokens);

    /// <summary>The number of tasks in a step of this shape.</summary>
    public abstract int Tasks(StepShape shape);

    /// <summary>Computes a task into the workspace.</summary>
    public abstract void Compute(StepShape shape, int task, Workspace workspace);

    /// <summary>Copies a task's result from the workspace to where later phases read it.</summary>
    public abstract void Publish(StepShape shape, int task, Workspace workspace);
}
