using TorchKv.Runtime.Scheduling;

namespace TorchKv.Simulation;

/// <summary>
/// Runs the scheduler's plans without computing anything: a step takes virtual time, and time passes nowhere else. It
/// holds a plan to what a real runner would refuse, so that no policy looks good by plans that could not be run.
/// </summary>
internal sealed class SimulatedRunner(SchedulingOptions limits, int blockSize, StepCost cost)
{
    /// <summary>Virtual seconds since the start.</summary>
    public double Time { get; private set; }

    /// <summary>Waits, where time has not come that far.</summary>
    public void WaitUntil(double time) => Time = Math.Max(Time, time);

    /// <summary>Runs a step.</summary>
    /// <exception cref="InvalidOperationException">
    /// No runner would take this plan: a defect of the scheduler.
    /// </exception>
    public void Step(StepPlan plan)
    {
        if (plan.TokenCount > limits.MaxTokensPerStep || plan.LogitsCount > limits.MaxLogitsPerStep)
        {
            throw new InvalidOperationException(
                $"A step of {plan.TokenCount} tokens and {plan.LogitsCount} logits, above "
                    + $"{limits.MaxTokensPerStep} and {limits.MaxLogitsPerStep}.");
        }

        var (tokens, attended) = (0L, 0L);
        foreach (var row in plan.Rows)
        {
            var table = row.Sequence.Table;
            if (row.Position != table.TokenCount
                || row.Position + row.Count > (long)table.BlockCount * blockSize
                || row.Position + row.Count > row.Sequence.Count)
            {
                throw new InvalidOperationException(
                    $"A row of tokens {row.Position} to {row.Position + row.Count} of a sequence of "
                        + $"{row.Sequence.Count}, over {table.BlockCount} blocks that hold {table.TokenCount}.");
            }

            tokens += row.Count;
            attended += row.Position;
        }

        Time += cost.PerStep + (cost.PerToken * tokens) + (cost.PerAttendedToken * attended);
    }
}
