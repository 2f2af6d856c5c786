using System.CommandLine;
using System.Diagnostics;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Runtime.Cpu;

namespace TorchKv.Benchmarks.Kernels;

/// <summary>
/// <c>cores</c>: what a step would take on machines with more cores, by a simulation of the plan that the runner makes
/// for so many threads, with task times of this machine; and how far the simulation is from what one and all threads
/// take here.
/// </summary>
internal sealed class CoresCommand : Command
{
    private static readonly int[] s_threads = [1, 2, 4, 8, 16, 32, 64];

    private readonly Option<bool> _quick = BenchOption.Quick();
    private readonly Option<string?> _model = BenchOption.Model();
    private readonly Option<string> _dtype = new("--dtype")
    {
        Description = "of the weights (float32)",
        DefaultValueFactory = _ => "float32",
    };
    private readonly Option<int[]?> _bandwidths = BenchOption.Numbers(
        "--bandwidth", 100_000, "GB/s that memory gives, beside this machine's (200,500)");
    private readonly Option<double?> _transfer = new("--transfer")
    {
        Description = "nanoseconds of a cache line from another core (measured)",
    };

    public CoresCommand()
        : base("cores", "A step on more cores, simulated.")
    {
        _dtype.AcceptOnlyFromAmong("float32", "bfloat16", "int8", "int4");
        foreach (var option in (Option[])[_quick, _model, _dtype, _bandwidths, _transfer])
        {
            Options.Add(option);
        }

        SetAction(Run);
    }

    private void Run(ParseResult parsed)
    {
        var quick = parsed.GetValue(_quick);
        var model = parsed.GetValue(_model) ?? FormulaModels.Gpt2();
        var dtype = Enum.Parse<CpuDType>(parsed.GetValue(_dtype)!, ignoreCase: true);
        var options = new CpuRunnerOptions { DType = dtype, MaxTokensPerStep = 512, BlockCount = 1024 };
        using var peaks = new MachinePeaks(Environment.ProcessorCount);
        var reads = new ReadSamples(peaks);
        var transfer = (parsed.GetValue(_transfer) ?? (MeasureTransfer() * 1e9)) / 1e9;
        var workloads = StepWorkload.Names;
        var measured = Measured(model, options, quick ? [40, 20, 6] : [150, 60, 20], reads);
        double[] bandwidths = [reads.Best, .. (parsed.GetValue(_bandwidths) ?? [200, 500]).Select(rate => rate * 1e9)];

        var simulated = new Dictionary<(int Threads, int Workload, double Bandwidth), double>();
        var plans = new List<string>();
        foreach (var threads in s_threads)
        {
            Console.Error.WriteLine($"  the plan for {threads} threads");
            using var runner = CpuRunner.Load(model, options with { Threads = threads });
            for (var i = 0; i < workloads.Length; i++)
            {
                var work = new StepWorkload(runner, i);
                var tasks = StepTasks.Measure(runner, work.Rows, work.Bytes, quick ? 3 : 9);
                if (threads is 1 or 2 or 64)
                {
                    plans.Add(
                        $"{workloads[i]}, {threads} threads: {tasks.Phases.Length} phases, "
                            + $"{tasks.Phases.Sum(phase => phase.Length):N0} tasks, "
                            + $"{tasks.Phases.Sum(phase => phase.Sum(task => task.Seconds)) * 1e3:F1} ms of work");
                }

                foreach (var bandwidth in bandwidths)
                {
                    simulated[(threads, i, bandwidth)] = new StepSimulation(threads, bandwidth, transfer)
                        .Run(tasks.Phases);
                }
            }
        }

        Console.WriteLine(
            $"{options.DType}, a cache line from another core in {transfer * 1e9:F0} ns, {reads.Best / 1e9:F1} "
                + $"GB/s read by {Environment.ProcessorCount} threads of this machine");
        plans.ForEach(Console.WriteLine);
        Console.WriteLine();
        Console.WriteLine("| step on this machine | measured, ms | simulated, ms | simulated ÷ measured |");
        Console.WriteLine("| --- | --- | --- | --- |");
        foreach (var ((threads, workload), seconds) in
            measured.OrderBy(entry => entry.Key.Workload).ThenBy(entry => entry.Key.Threads))
        {
            var virtually = simulated[(threads, workload, bandwidths[0])];
            Console.WriteLine(
                $"| {workloads[workload]}, {threads} thread{(threads == 1 ? "" : "s")} | {seconds * 1e3:F2} | "
                    + $"{virtually * 1e3:F2} | {virtually / seconds:F2} |");
        }

        Console.WriteLine();
        var columns = workloads.SelectMany(workload =>
            bandwidths.Select(bandwidth => $"{workload}, {bandwidth / 1e9:F0} GB/s"));
        Console.WriteLine($"| threads | {string.Join(" | ", columns)} |");
        Console.WriteLine($"| --- |{string.Concat(Enumerable.Repeat(" --- |", workloads.Length * bandwidths.Length))}");
        foreach (var threads in s_threads)
        {
            var cells = Enumerable.Range(0, workloads.Length).SelectMany(workload => bandwidths.Select(bandwidth =>
                $"{StepWorkload.Tokens(workload) / simulated[(threads, workload, bandwidth)]:N0} "
                    + $"({simulated[(1, workload, bandwidth)] / simulated[(threads, workload, bandwidth)]:F1} ×)"));
            Console.WriteLine($"| {threads} | {string.Join(" | ", cells)} |");
        }

        Console.WriteLine();
        Console.WriteLine(
            "Tokens/s, and how many times one thread's. Cores as this machine's, one last-level cache or caches as "
                + "near; the memory gives all of them together what the column says.");
    }

    /// <summary>
    /// Seconds of a step with one and with all of this machine's threads, in turns, with the read probe in between. The
    /// fastest of the rounds, as of each task's: what other processes take is no part of what is simulated.
    /// </summary>
    private static Dictionary<(int Threads, int Workload), double> Measured(
        string model, CpuRunnerOptions options, int[] rounds, ReadSamples reads)
    {
        int[] counts = [.. new[] { 1, Environment.ProcessorCount }.Distinct().Where(s_threads.Contains)];
        var fastest = new Dictionary<(int, int), double>();
        var runners = counts.Select(threads => CpuRunner.Load(model, options with { Threads = threads })).ToArray();
        for (var workload = 0; workload < rounds.Length; workload++)
        {
            for (var round = 0; round < rounds[workload]; round++)
            {
                for (var i = 0; i < counts.Length; i++)
                {
                    var work = new StepWorkload(runners[i], workload);
                    var logits = new float[work.Rows.Length * runners[i].Config.VocabSize];
                    var began = Stopwatch.GetTimestamp();
                    runners[i].Step(work.Rows, logits);
                    var key = (counts[i], workload);
                    fastest[key] = Math.Min(
                        fastest.GetValueOrDefault(key, double.MaxValue), Stopwatch.GetElapsedTime(began).TotalSeconds);
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

    /// <summary>
    /// Seconds that a cache line takes to a core that reads what another has just written: half of a round trip between
    /// two threads.
    /// </summary>
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
}
