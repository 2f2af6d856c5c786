using System.Diagnostics;
using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime;

/// <summary>What a step costs in simulated time: a pass over the weights, and something for each token and for what it attends to.</summary>
internal sealed record StepCost
{
    /// <summary>Seconds of a step whatever is in it: the weights are read once.</summary>
    public double PerStep { get; init; } = 2e-3;

    /// <summary>Seconds for each token computed.</summary>
    public double PerToken { get; init; } = 1e-6;

    /// <summary>Seconds for each token of each row's past: its keys and values are read.</summary>
    public double PerAttendedToken { get; init; } = 2e-9;
}

/// <summary>What is simulated. Immutable.</summary>
internal sealed record SimulationOptions
{
    /// <summary>The policy.</summary>
    public SchedulingOptions Scheduling { get; init; } = new();

    /// <summary>Blocks in the pool.</summary>
    public int BlockCount { get; init; } = 4096;

    /// <summary>Tokens in a block.</summary>
    public int BlockSize { get; init; } = 16;

    /// <summary>What a step costs.</summary>
    public StepCost Cost { get; init; } = new();
}

/// <summary>The 50th, 90th and 99th percentile of something, in seconds.</summary>
/// <param name="P50">Half are below it.</param>
/// <param name="P90">Nine in ten are below it.</param>
/// <param name="P99">All but one in a hundred are below it.</param>
internal readonly record struct Percentiles(double P50, double P90, double P99)
{
    internal static Percentiles Of(List<double> values)
    {
        if (values.Count == 0)
        {
            return default;
        }

        values.Sort();
        return new Percentiles(At(0.5), At(0.9), At(0.99));

        double At(double share) => values[Math.Min(values.Count - 1, (int)(share * values.Count))];
    }
}

/// <summary>How things stood at one moment of a simulation.</summary>
/// <param name="Time">Simulated seconds.</param>
/// <param name="Queued">Requests that wait.</param>
/// <param name="Running">Sequences that run.</param>
/// <param name="HeldBlocks">Blocks that are held.</param>
internal readonly record struct SimulationMoment(double Time, int Queued, int Running, int HeldBlocks);

/// <summary>What came of a simulation: a row of the table, and the line of its plot.</summary>
internal sealed record SimulationReport
{
    /// <summary>Requests that ended.</summary>
    public int Completed { get; init; }

    /// <summary>Requests that the full queue refused, or that no pool of this size could ever serve.</summary>
    public int Refused { get; init; }

    /// <summary>Simulated seconds from the start to the last token.</summary>
    public double Duration { get; init; }

    /// <summary>Generated tokens in a simulated second.</summary>
    public double OutputTokensPerSecond { get; init; }

    /// <summary>From arrival to first token.</summary>
    public Percentiles TimeToFirstToken { get; init; }

    /// <summary>Between two tokens of a request.</summary>
    public Percentiles InterTokenLatency { get; init; }

    /// <summary>From arrival to last token.</summary>
    public Percentiles EndToEnd { get; init; }

    /// <summary>Steps.</summary>
    public long Steps { get; init; }

    /// <summary>Preemptions.</summary>
    public long Preemptions { get; init; }

    /// <summary>Share of prompt tokens that were found in the prefix cache.</summary>
    public double PrefixHitShare { get; init; }

    /// <summary>Mean share of the room in held blocks that no token was in.</summary>
    public double UnusedShare { get; init; }

    /// <summary>What reserving each request's whole length in one piece would leave unused, on the same schedule.</summary>
    public double ContiguousUnusedShare { get; init; }

    /// <summary>Real (not simulated) microseconds that the scheduler took for a step, mean.</summary>
    public double SchedulerMicroseconds { get; init; }

    /// <summary>At most 1,000 moments, evenly chosen among the steps.</summary>
    public IReadOnlyList<SimulationMoment> Moments { get; init; } = [];
}

/// <summary>
/// Runs the engine's scheduler in virtual time with a cost model instead of a model, so that policies can be compared at
/// rates that no machine at hand could serve. The scheduler, the pool and the index are the real ones.
/// </summary>
internal static class Simulation
{
    private sealed class Simulated(BlockPool pool, int blockSize, int[] prompt, SimulatedRequest request) : ScheduledRequest(pool, blockSize, prompt)
    {
        public SimulatedRequest What { get; } = request;

        public int Generated { get; set; }

        public double LastToken { get; set; }
    }

    /// <summary>Simulates a workload from its first arrival to its last token.</summary>
    /// <param name="requests">The workload, in order of arrival.</param>
    /// <param name="options">Policy, pool and costs.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    public static SimulationReport Run(IReadOnlyList<SimulatedRequest> requests, SimulationOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(requests);
        ArgumentNullException.ThrowIfNull(options);
        if (options.BlockCount < 1 || options.BlockSize < 1)
        {
            throw new OptionException("blocks", $"{options.BlockCount} of {options.BlockSize} tokens", "at least 1 of at least 1");
        }

        var scheduling = options.Scheduling;
        scheduling.Validate();
        scheduling = scheduling with { MaxRunningSequences = Math.Min(scheduling.MaxRunningSequences, Math.Min(scheduling.MaxTokensPerStep, scheduling.MaxLogitsPerStep)) };
        var pool = new BlockPool(options.BlockCount, scheduling.PrefixCaching ? new PrefixIndex(options.BlockCount, options.BlockSize) : null);
        var scheduler = new Scheduler(scheduling, pool, options.BlockSize);
        var firstToken = new List<double>();
        var between = new List<double>();
        var whole = new List<double>();
        var moments = new List<SimulationMoment>();
        var (time, next, refused, steps, output, every) = (0.0, 0, 0, 0L, 0L, 1);
        var (unused, contiguous) = (0.0, 0.0);
        var scheduled = TimeSpan.Zero;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var started = Stopwatch.GetTimestamp();
            for (; next < requests.Count && requests[next].Arrival <= time; next++)
            {
                refused += TryAdd(requests[next], next) ? 0 : 1;
            }

            var plan = scheduler.Plan();
            scheduled += Stopwatch.GetElapsedTime(started);
            if (plan.IsEmpty)
            {
                if (next == requests.Count)
                {
                    break;
                }

                time = Math.Max(time, requests[next].Arrival);
                continue;
            }

            var seconds = options.Cost.PerStep + (options.Cost.PerToken * plan.TokenCount);
            foreach (var row in plan.Rows)
            {
                seconds += options.Cost.PerAttendedToken * row.Position;
            }

            time += seconds;
            steps++;
            Measure();
            started = Stopwatch.GetTimestamp();
            foreach (var row in plan.Rows)
            {
                scheduler.Complete(row);
                if (row.Logits == LogitsWanted.None)
                {
                    continue;
                }

                var request = (Simulated)row.Sequence.Request;
                row.Sequence.Append(Token(-1, (int)request.Arrival, row.Sequence.Count));
                (request.Generated == 0 ? firstToken : between).Add(time - (request.Generated == 0 ? request.What.Arrival : request.LastToken));
                request.LastToken = time;
                output++;
                if (++request.Generated == request.What.OutputTokens)
                {
                    whole.Add(time - request.What.Arrival);
                    scheduler.Remove(request);
                }
            }

            scheduled += Stopwatch.GetElapsedTime(started);
        }

        return new SimulationReport
        {
            Completed = whole.Count,
            Refused = refused,
            Duration = time,
            OutputTokensPerSecond = time > 0 ? output / time : 0,
            TimeToFirstToken = Percentiles.Of(firstToken),
            InterTokenLatency = Percentiles.Of(between),
            EndToEnd = Percentiles.Of(whole),
            Steps = steps,
            Preemptions = scheduler.PreemptionCount,
            PrefixHitShare = scheduler.PromptTokens == 0 ? 0 : (double)scheduler.PrefixHitTokens / scheduler.PromptTokens,
            UnusedShare = steps == 0 ? 0 : unused / steps,
            ContiguousUnusedShare = steps == 0 ? 0 : contiguous / steps,
            SchedulerMicroseconds = steps == 0 ? 0 : scheduled.TotalMicroseconds / steps,
            Moments = moments,
        };

        bool TryAdd(SimulatedRequest what, int index)
        {
            var needed = BlockTable.BlocksFor(what.PromptTokens + what.OutputTokens - 1, options.BlockSize);
            if (needed > pool.Count || scheduler.WaitingCount >= scheduling.MaxQueuedRequests)
            {
                return false;
            }

            var prompt = new int[what.PromptTokens];
            for (var i = 0; i < prompt.Length; i++)
            {
                prompt[i] = what.PrefixGroup >= 0 && i < what.PrefixTokens ? Token(what.PrefixGroup, -1, i) : Token(-1, index, i);
            }

            scheduler.Add(new Simulated(pool, options.BlockSize, prompt, what) { Priority = what.Priority });
            return true;
        }

        void Measure()
        {
            var (held, stored, reserved) = (0L, 0L, 0L);
            foreach (var request in scheduler.Running)
            {
                var table = request.Leader!.Table;
                held += (long)table.BlockCount * options.BlockSize;
                stored += table.TokenCount;
                reserved += ((Simulated)request).What.PromptTokens + ((Simulated)request).What.OutputTokens;
            }

            unused += held == 0 ? 0 : (double)(held - stored) / held;
            contiguous += reserved == 0 ? 0 : (double)(reserved - stored) / reserved;
            if (steps % every == 0)
            {
                moments.Add(new SimulationMoment(time, scheduler.WaitingCount, scheduler.RunningSequences, pool.HeldCount));
                if (moments.Count > 1000)
                {
                    // Half as dense from here on, so that memory does not grow with the run.
                    moments = [.. moments.Where((_, i) => i % 2 == 0)];
                    every *= 2;
                }
            }
        }
    }

    private static int Token(int group, int request, int position)
    {
        var x = ((ulong)(uint)(group + 1) << 42) ^ ((ulong)(uint)(request + 1) << 21) ^ (uint)position;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return (int)((x ^ (x >> 31)) % 50_257);
    }
}
