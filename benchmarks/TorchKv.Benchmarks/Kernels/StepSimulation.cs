namespace TorchKv.Benchmarks.Kernels;

/// <summary>
/// A step on a number of threads in virtual time, by the thread team's rules: a phase's tasks are shared out in a run a
/// thread, a thread that has claimed all of its own claims from the others', and the next phase begins when the last
/// task is published.
/// </summary>
/// <param name="Threads">Threads, each on a core of its own.</param>
/// <param name="Bandwidth">
/// Bytes a second that all threads together get from memory; a task that runs alone takes its own time.
/// </param>
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

        // A thread learns of the phase by a line that another has written. Its own claims stay in its cache; a word
        // that a thief has changed does not.
        var claimed = Enumerable.Range(0, Threads).Select(thread => FirstTask(thread, tasks.Length)).ToArray();
        var wordFree = new double[Threads];
        var running = new List<Running>(Threads);
        var idle = Enumerable.Range(0, Threads).ToList();
        double now = 0, begins = Transfer;
        while (true)
        {
            idle.RemoveAll(thread =>
            {
                if (Claim(thread, claimed, tasks.Length) is not { } from)
                {
                    return true;
                }

                var seen = Math.Max(now, begins);
                if (from != thread)
                {
                    seen = wordFree[from] = Math.Max(seen, wordFree[from]) + Transfer;
                }

                running.Add(new Running(thread, tasks[claimed[from]++], seen));
                return true;
            });
            if (running.Count == 0)
            {
                break;
            }

            now = Advance(running, now, idle);
        }

        // Whoever finds no task left looks at every flag, reads those lines that others wrote, and moves the phase on.
        var lines = (tasks.Length + PublishedPerLine - 1) / PublishedPerLine;
        return now + (Transfer * (lines + 1));
    }

    private int FirstTask(int thread, int tasks) => (int)((long)thread * tasks / Threads);

    /// <summary>Whose run the thread claims from: its own, or the next that has a task left.</summary>
    private int? Claim(int thread, int[] claimed, int tasks)
    {
        for (var i = 0; i < Threads; i++)
        {
            var run = (thread + i) % Threads;
            if (claimed[run] < FirstTask(run + 1, tasks))
            {
                return run;
            }
        }

        return null;
    }

    /// <summary>Runs until the first task ends or begins; gives the time of it.</summary>
    private double Advance(List<Running> running, double now, List<int> idle)
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
        idle.AddRange(running.Where(task => task.Left <= 1e-12).Select(task => task.Thread));
        running.RemoveAll(task => task.Left <= 1e-12);
        return now + step;
    }

    /// <summary>
    /// The bytes a second that a task may have at most so that all together stay within the bandwidth: those that want
    /// less leave the rest to the others.
    /// </summary>
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

    private sealed class Running(int thread, TaskCost task, double begins)
    {
        public int Thread { get; } = thread;

        public double Begins { get; } = begins;

        public double Demand { get; } = task.Bytes / Math.Max(task.Seconds, 1e-12);

        public double Left { get; set; } = task.Seconds;
    }
}
