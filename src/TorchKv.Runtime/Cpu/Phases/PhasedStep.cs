using TorchKv.Runtime.Cpu.Steps;
using TorchKv.Runtime.Cpu.Threads;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>One step: the phases of the model over one shape.</summary>
internal sealed class PhasedStep(PhaseList phases, StepShape shape) : IPhasedWork
{
    /// <summary>The shape of the step.</summary>
    public StepShape Shape => shape;

    public int PhaseCount => phases.Count(shape);

    public int TaskCount(int phase) => phases[phase].Tasks(shape);

    public void Compute(int phase, int task, Workspace workspace) => phases[phase].Compute(shape, task, workspace);

    public void Publish(int phase, int task, Workspace workspace) => phases[phase].Publish(shape, task, workspace);

    public void Anticipate(int phase, int thread, int threads, int call) =>
        phases.NextProduct(phase).Anticipate(shape, thread, threads, call);
}
