using System.Diagnostics;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Steps;
using TorchKv.Runtime.Model;

namespace TorchKv.Benchmarks.Kernels;

/// <summary>
/// The phases and tasks of a step as the runner itself plans them for a number of threads, each task timed on this
/// machine.
/// </summary>
internal sealed class StepTasks
{
    private StepTasks(TaskCost[][] phases) => Phases = phases;

    /// <summary>Phase by phase, in the order in which tasks are claimed.</summary>
    public TaskCost[][] Phases { get; }

    /// <summary>
    /// Runs the step once, so that it is laid out, and then times every task of it alone: the fastest of some rounds.
    /// </summary>
    /// <param name="runner">Planned for as many threads as it has.</param>
    /// <param name="rows">The step.</param>
    /// <param name="bytes">What the step reads from memory; shared out among its tasks by their time.</param>
    /// <param name="rounds">How often each task is timed.</param>
    public static StepTasks Measure(CpuRunner runner, RunnerRow[] rows, double bytes, int rounds)
    {
        runner.Step(rows, new float[rows.Length * runner.Config.VocabSize]);
        var work = runner.LastStep;
        using var workspace = new Workspace(runner.Config);
        var times = new double[work.PhaseCount][][];
        for (var round = 0; round < rounds; round++)
        {
            for (var phase = 0; phase < work.PhaseCount; phase++)
            {
                var count = work.TaskCount(phase);
                times[phase] ??= [.. Enumerable.Range(0, count).Select(_ => new double[rounds])];
                for (var task = 0; task < count; task++)
                {
                    // Computed and not published: what a task writes is its workspace, and its time is all that is
                    // wanted.
                    var began = Stopwatch.GetTimestamp();
                    work.Compute(phase, task, workspace);
                    times[phase][task][round] = Stopwatch.GetElapsedTime(began).TotalSeconds;
                }
            }
        }

        // Of a phase's many tasks one that was interrupted would be the whole phase's time on many cores.
        var fastest = times.Select(phase => phase.Select(task => task.Min()).ToArray()).ToArray();
        var perSecond = bytes / fastest.Sum(phase => phase.Sum());
        return new StepTasks(
            [
                .. fastest.Select(
                    phase => phase.Select(seconds => new TaskCost(seconds, seconds * perSecond)).ToArray())
            ]);
    }
}
