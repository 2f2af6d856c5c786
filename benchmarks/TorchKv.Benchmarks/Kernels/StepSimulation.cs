namespace TorchKv.Benchmarks.Kernels;

/// <summary>
/// A step on a number of threads in virtual time, by the thread team's rules: tasks of a phase are claimed in order from one word, whoever
/// is free claims the next, and the next phase begins when the last is published.
/// </summary>
/// <param name="Threads">Threads, each on a core of its own.</param>
/// <param name="Bandwidth">Bytes a second that all threads together get from memory; a task that runs alone takes its own time.</param>
/// <param name="Transfer">Seconds until a cache line that another core has written is here.</param>
internal sealed record StepSimulation(int Threads, double Bandwidth, double Transfer)
{
    // Longs of a cache line in the array that says which tasks are published.
    private const int PublishedPerLine = 8;

    /// <summary>Seconds that the step takes.</summary>
    public double Run(TaskCost[][] phases) => phases.Sum(Phase);

    private double Phase(TaskCost[] tasks)
    {
        // Alone, the word and the flags stay in the thread's own cache.
        if (Threads == 1)
        {
            return tasks.Sum(task => task.Seconds);
        }

        var running = new List<Running>(Threads);
        double now = 0, wordFree = 0;
        for (var next = 0; next < tasks.Length || running.Count > 0;)
        {
            while (next < tasks.Length && running.Count < Threads)
            {
                // The word goes from core to core, one claim after the other.
                wordFree = Math.Max(now, wordFree) + Transfer;
                running.Add(new Running(tasks[next++], wordFree));
            }

            now = Advance(running, now);
        }

        // Whoever finds no task left looks at every flag, reads those lines that others wrote, and moves the word on.
        var lines = (tasks.Length + PublishedPerLine - 1) / PublishedPerLine;
        return now + (Transfer * (lines + 1));
    }

    /// <summary>Runs until the first task ends or begins; gives the time of it.</summary>
    private double Advance(List<Running> running, double now)
    {
        var level = FairShare(running, now);
        double Speed(Running task) => task.Begins > now ? 0 : Math.Min(1, level / task.Demand);
        var step = double.MaxValue;
        foreach (var task in running)
        {
            step = Math.Min(step, task.Begins > now ? task.Begins - now : task.Left / Speed(task));
        }

        foreach (var task in running)
        {
            task.Left -= step * Speed(task);
        }

        // A rounding error of a task's time is no time.
        running.RemoveAll(task => task.Left <= 1e-12);
        return now + step;
    }

    /// <summary>The bytes a second that a task may have at most so that all together stay within the bandwidth: those that want less leave the rest to the others.</summary>
    private double FairShare(List<Running> running, double now)
    {
        var demands = running.Where(task => task.Begins <= now).Select(task => task.Demand).Order().ToArray();
        var left = Bandwidth;
        for (var i = 0; i < demands.Length; i++)
        {
            var share = left / (demands.Length - i);
            if (demands[i] >= share)
            {
                return share;
            }

            left -= demands[i];
        }

        return double.MaxValue;
    }

    private sealed class Running(TaskCost task, double begins)
    {
        public double Begins { get; } = begins;

        public double Demand { get; } = task.Bytes / Math.Max(task.Seconds, 1e-12);

        public double Left { get; set; } = task.Seconds;
    }
}
