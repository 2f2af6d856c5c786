using System.Diagnostics;
using System.Globalization;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;

namespace TorchKv.Benchmarks.Kernels;

/// <summary>
/// <c>./run.sh bench kernels --cores</c>: what a step would take on machines with more cores, by a simulation of the plan that the runner
/// makes for so many threads, with task times of this machine; and how far the simulation is from what one and all threads take here.
/// </summary>
internal static class CoresBench
{
    private const int Batch = 16;
    private const int BatchPosition = 64;

    private static readonly int[] Threads = [1, 2, 4, 8, 16, 32, 64];

    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    /// <summary><c>cores [--quick] [--model DIR] [--dtype D] [--bandwidth GB/s,…] [--transfer NS]</c>.</summary>
    public static int Run(string[] args)
    {
        string? Option(string name) => Array.IndexOf(args, name) is var at && at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
        var quick = args.Contains("--quick");
        var model = Option("--model") ?? RunnerBench.FormulaModel();
        var options = new CpuRunnerOptions { DType = Enum.Parse<CpuDType>(Option("--dtype") ?? "float32", ignoreCase: true), MaxTokensPerStep = 512, BlockCount = 1024 };
        using var peaks = new MachinePeaks(Environment.ProcessorCount);
        var reads = new ReadSamples(peaks);
        var transfer = (Option("--transfer") is { } given ? double.Parse(given, Invariant) : MeasureTransfer() * 1e9) / 1e9;
        string[] workloads = ["decode", $"{Batch} together", "prefill"];
        var measured = Measured(model, options, quick ? [40, 20, 6] : [150, 60, 20], reads);
        double[] bandwidths = [reads.Best, .. (Option("--bandwidth") ?? "200,500").Split(',').Select(text => double.Parse(text, Invariant) * 1e9)];

        var simulated = new Dictionary<(int Threads, int Workload, double Bandwidth), double>();
        var plans = new List<string>();
        foreach (var threads in Threads)
        {
            Console.Error.WriteLine($"  the plan for {threads} threads");
            using var runner = CpuRunner.Load(model, options with { Threads = threads });
            for (var i = 0; i < workloads.Length; i++)
            {
                var work = new Workload(runner, i);
                var tasks = StepTasks.Measure(runner, work.Rows, work.Bytes, quick ? 3 : 9);
                if (threads is 1 or 2 or 64)
                {
                    plans.Add($"{workloads[i]}, {threads} threads: {tasks.Phases.Length} phases, {tasks.Phases.Sum(phase => phase.Length):N0} tasks, {tasks.Phases.Sum(phase => phase.Sum(task => task.Seconds)) * 1e3:F1} ms of work");
                }

                foreach (var bandwidth in bandwidths)
                {
                    simulated[(threads, i, bandwidth)] = new StepSimulation(threads, bandwidth, transfer).Run(tasks.Phases);
                }
            }
        }

        Line($"{options.DType}, a cache line from another core in {transfer * 1e9:F0} ns, {reads.Best / 1e9:F1} GB/s read by {Environment.ProcessorCount} threads of this machine");
        plans.ForEach(Console.WriteLine);
        Console.WriteLine();
        Console.WriteLine("| step on this machine | measured, ms | simulated, ms | simulated ÷ measured |");
        Console.WriteLine("| --- | --- | --- | --- |");
        foreach (var ((threads, workload), seconds) in measured.OrderBy(entry => entry.Key.Workload).ThenBy(entry => entry.Key.Threads))
        {
            var virtually = simulated[(threads, workload, bandwidths[0])];
            Line($"| {workloads[workload]}, {threads} thread{(threads == 1 ? "" : "s")} | {seconds * 1e3:F2} | {virtually * 1e3:F2} | {virtually / seconds:F2} |");
        }

        Console.WriteLine();
        Line($"| threads | {string.Join(" | ", workloads.SelectMany(workload => bandwidths.Select(bandwidth => string.Create(Invariant, $"{workload}, {bandwidth / 1e9:F0} GB/s"))))} |");
        Line($"| --- |{string.Concat(Enumerable.Repeat(" --- |", workloads.Length * bandwidths.Length))}");
        foreach (var threads in Threads)
        {
            var cells = Enumerable.Range(0, workloads.Length).SelectMany(workload => bandwidths.Select(bandwidth =>
                string.Create(Invariant, $"{Tokens(workload) / simulated[(threads, workload, bandwidth)]:N0} ({simulated[(1, workload, bandwidth)] / simulated[(threads, workload, bandwidth)]:F1} ×)")));
            Line($"| {threads} | {string.Join(" | ", cells)} |");
        }

        Console.WriteLine();
        Console.WriteLine("Tokens/s, and how many times one thread's. Cores as this machine's, one last-level cache or caches as near; the memory gives all of them together what the column says.");
        return 0;
    }

    private static int Tokens(int workload) => workload switch { 0 => 1, 1 => Batch, _ => 512 };

    /// <summary>
    /// Seconds of a step with one and with all of this machine's threads, in turns, with the read probe in between. The fastest of the
    /// rounds, as of each task's: what other processes take is no part of what is simulated.
    /// </summary>
    private static Dictionary<(int Threads, int Workload), double> Measured(string model, CpuRunnerOptions options, int[] rounds, ReadSamples reads)
    {
        int[] counts = [.. new[] { 1, Environment.ProcessorCount }.Distinct().Where(Threads.Contains)];
        var fastest = new Dictionary<(int, int), double>();
        var runners = counts.Select(threads => CpuRunner.Load(model, options with { Threads = threads })).ToArray();
        for (var workload = 0; workload < rounds.Length; workload++)
        {
            for (var round = 0; round < rounds[workload]; round++)
            {
                for (var i = 0; i < counts.Length; i++)
                {
                    var work = new Workload(runners[i], workload);
                    var logits = new float[work.Rows.Length * runners[i].Config.VocabSize];
                    var began = Stopwatch.GetTimestamp();
                    runners[i].Step(work.Rows, logits);
                    var key = (counts[i], workload);
                    fastest[key] = Math.Min(fastest.GetValueOrDefault(key, double.MaxValue), Stopwatch.GetElapsedTime(began).TotalSeconds);
                }

                reads.Take();
            }
        }

        foreach (var runner in runners)
        {
            runner.Dispose();
        }

        return fastest;
    }

    /// <summary>Seconds that a cache line takes to a core that reads what another has just written: half of a round trip between two threads.</summary>
    private static unsafe double MeasureTransfer()
    {
        // Short, and the median of many: an interruption is longer than all trips of a round.
        const int Trips = 500;
        using var team = new ProbeTeam(2);
        var word = stackalloc long[32];
        var line = (long)(word + 15) & ~127L;
        var times = new double[100];
        for (var round = 0; round < times.Length; round++)
        {
            *(long*)line = 0;
            times[round] = team.Run(thread =>
            {
                for (long trip = thread; trip < 2 * Trips; trip += 2)
                {
                    while (Volatile.Read(ref *(long*)line) != trip)
                    {
                    }

                    Volatile.Write(ref *(long*)line, trip + 1);
                }
            }) / (2 * Trips);
        }

        return Statistics.Median(times);
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(Invariant));

    /// <summary>A step: one token of one sequence, one token of sixteen, or a prompt of 512.</summary>
    private sealed class Workload
    {
        public Workload(CpuRunner runner, int kind)
        {
            var perSequence = BatchPosition / runner.BlockSize;
            RunnerRow Row(int sequence, int position, int count) => new(
                Enumerable.Range(0, count).Select(i => ((sequence + i) * 7919) % runner.Config.VocabSize).ToArray(),
                position,
                Enumerable.Range(sequence * (perSequence + 1), ((position + count - 1) / runner.BlockSize) + 1).ToArray(),
                LogitsWanted.Last);
            Rows = kind switch
            {
                0 => [Row(0, BatchPosition, 1)],
                1 => [.. Enumerable.Range(0, Batch).Select(sequence => Row(sequence, BatchPosition, 1))],
                _ => [Row(0, 0, Math.Min(512, runner.Config.ContextLength))],
            };
            Bytes = runner.WeightBytesPerStep + (Rows.Sum(row => (double)row.Position + row.Tokens.Length) * runner.BytesPerBlock / runner.BlockSize);
        }

        public RunnerRow[] Rows { get; }

        public double Bytes { get; }
    }
}
