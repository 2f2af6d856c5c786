using System.Diagnostics;
using System.Globalization;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Benchmarks.Kernels;

/// <summary>
/// The CPU runner by itself, against what the machine can do in the same run:
/// <c>runner [--model DIR] [--dtype float32,bfloat16,int8,int4] [--threads N] [--only decode|prefill|batch|position|competitor|start]</c>.
/// Without a model it is GPT-2 124M with weights by a formula.
/// </summary>
internal static class RunnerBench
{
    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    public static int Run(string[] args)
    {
        var model = Option(args, "--model") ?? FormulaModel();
        var threads = int.Parse(Option(args, "--threads") ?? Environment.ProcessorCount.ToString(Invariant), Invariant);
        var only = Option(args, "--only");
        foreach (var name in (Option(args, "--dtype") ?? "float32,bfloat16,int8,int4").Split(','))
        {
            var began = Stopwatch.GetTimestamp();
            using var runner = CpuRunner.Load(model, new CpuRunnerOptions { DType = Enum.Parse<CpuDType>(name, ignoreCase: true), Threads = threads });
            Line($"{name}: loaded in {Stopwatch.GetElapsedTime(began).TotalSeconds:F2} s, {runner.WeightBytesPerStep / 1e6:F0} MB of weights a step, {Environment.WorkingSet / 1e6:F0} MB resident");
            if (only is null or "decode")
            {
                Decode(runner, threads);
            }

            if (only is null or "prefill")
            {
                Prefill(runner, threads);
            }

            if (only is null or "batch")
            {
                Batch(runner);
            }

            if (only is null or "position")
            {
                Position(runner);
            }

            if (only is null or "competitor")
            {
                Competitor(runner);
            }

            if (only is null or "start")
            {
                Start(model, name, threads, runner.WeightBytesPerStep);
            }
        }

        return 0;
    }

    /// <summary>GPT-2 124M by the formula, written once to the folder for temporary files.</summary>
    public static string FormulaModel()
    {
        var folder = Path.Combine(Path.GetTempPath(), "torchkv-formula-gpt2");
        if (!File.Exists(Path.Combine(folder, "complete")))
        {
            FormulaCheckpoint.Write(folder, new Gpt2Config());
            File.WriteAllText(Path.Combine(folder, "complete"), "");
        }

        return folder;
    }

    /// <summary>Steps and passes of the read probe in turn, so that both meet the same memory.</summary>
    private static void Decode(CpuRunner runner, int threads)
    {
        const int Prompt = 4, Count = 200, StepsPerPass = 8;
        using var peaks = new MachinePeaks(threads);
        var reads = new ReadSamples(peaks);
        var times = new List<double>();
        long allocated = 0;
        for (var i = 0; i < 3; i++)
        {
            var sequence = new Sequence(runner, 0);
            sequence.Step(Prompt);
            for (var j = 0; j < Count; j++)
            {
                var before = GC.GetTotalAllocatedBytes(precise: true);
                var began = Stopwatch.GetTimestamp();
                sequence.Step(1);
                times.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
                allocated += GC.GetTotalAllocatedBytes(precise: true) - before;
                if (j % StepsPerPass == 0)
                {
                    reads.Take();
                }
            }
        }

        var time = Statistics.Median(times);
        var bytes = runner.WeightBytesPerStep + ((Prompt + (Count / 2)) * (double)runner.BytesPerBlock / runner.BlockSize);
        Line($"  decode {1 / time,8:F1} tokens/s  {bytes / time / 1e9,6:F1} GB/s  {bytes / time / reads.Limit,6:P1} of {reads.Limit / 1e9:F1} GB/s, {allocated / (double)times.Count:F0} bytes allocated a token, on all threads");
    }

    /// <summary>Decoding while another process spins on the last processor.</summary>
    private static void Competitor(CpuRunner runner)
    {
        double Speed()
        {
            var sequence = new Sequence(runner, 0);
            sequence.Step(4);
            var began = Stopwatch.GetTimestamp();
            var count = 0;
            for (; Stopwatch.GetElapsedTime(began).TotalSeconds < 2 && count < 900; count++)
            {
                sequence.Step(1);
            }

            return count / Stopwatch.GetElapsedTime(began).TotalSeconds;
        }

        var alone = Speed();
        using var competitor = Process.Start(Environment.ProcessPath!, "spin");
        Pin(competitor);
        try
        {
            var disturbed = Speed();
            Line($"  beside a spinning process {disturbed:F1} tokens/s, {disturbed / alone:P0} of {alone:F1}");
        }
        finally
        {
            competitor.Kill();
        }
    }

    private static void Pin(Process process)
    {
        if (OperatingSystem.IsLinux() || OperatingSystem.IsWindows())
        {
            process.ProcessorAffinity = (nint)1 << (Environment.ProcessorCount - 1);
        }
    }

    /// <summary>A new process: from its start to its first token, and the most memory it had resident.</summary>
    private static void Start(string model, string dtype, int threads, long weights)
    {
        for (var i = 0; i < 3; i++)
        {
            var info = new ProcessStartInfo(Environment.ProcessPath!, ["first-token", model, dtype, threads.ToString(Invariant)]) { RedirectStandardOutput = true };
            var began = Stopwatch.GetTimestamp();
            using var child = Process.Start(info)!;
            _ = child.StandardOutput.ReadLine();
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            var resident = double.Parse(child.StandardOutput.ReadLine() ?? "0", Invariant);
            child.WaitForExit();
            Line($"  first token {seconds:F2} s after the process starts, {resident / 1e6:F0} MB resident at most, {resident / weights:F2} × the weights");
        }
    }

    /// <summary>The child of <see cref="Start"/>: prints the first token, then the most bytes resident.</summary>
    public static int FirstToken(string[] args)
    {
        using var runner = CpuRunner.Load(args[0], new CpuRunnerOptions { DType = Enum.Parse<CpuDType>(args[1], ignoreCase: true), Threads = int.Parse(args[2], Invariant) });
        var logits = new float[runner.Config.VocabSize];
        runner.Step([new RunnerRow(new[] { 1, 2, 3, 4 }, 0, new[] { 0 }, LogitsWanted.Last)], logits);
        Console.WriteLine(Array.IndexOf(logits, logits.Max()));
        Console.Out.Flush();
        Console.WriteLine(Process.GetCurrentProcess().PeakWorkingSet64);
        return 0;
    }

    /// <summary><c>probe [--threads N]</c>: what the machine's limits are now, way by way.</summary>
    public static int Probe(string[] args)
    {
        using var peaks = new MachinePeaks(int.Parse(Option(args, "--threads") ?? Environment.ProcessorCount.ToString(Invariant), Invariant));
        var passes = Enumerable.Range(0, 12 * MachinePeaks.ReadWays).Select(pass => (Way: pass % MachinePeaks.ReadWays, Rate: peaks.Read(pass % MachinePeaks.ReadWays))).ToList();
        foreach (var way in passes.GroupBy(pass => pass.Way))
        {
            Line($"read, way {way.Key}: median {Statistics.Median(way.Select(pass => pass.Rate)) / 1e9:F1} GB/s, best {way.Max(pass => pass.Rate) / 1e9:F1}");
        }

        Line($"FMA {Statistics.Median(Enumerable.Range(0, 9).Select(_ => peaks.Flops())) / 1e9:F0} GFLOP/s, integer dot products {Statistics.Median(Enumerable.Range(0, 9).Select(_ => peaks.DotOperations())) / 1e9:F0} GOP/s");
        return 0;
    }

    /// <summary>The competitor: spins until it is killed, or for a minute.</summary>
    public static int Spin()
    {
        for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began).TotalMinutes < 1;)
        {
            Thread.SpinWait(1000);
        }

        return 0;
    }

    private static void Prefill(CpuRunner runner, int threads)
    {
        var count = Math.Min(512, runner.Config.ContextLength);
        var quantized = runner.Options.DType is CpuDType.Int8 or CpuDType.Int4;
        using var peaks = new MachinePeaks(threads);
        List<double> times = [], limits = [];
        for (var i = 0; i < 7; i++)
        {
            limits.Add(quantized && peaks.DotOperations() is var dots && double.IsFinite(dots) ? dots : peaks.Flops());
            var sequence = new Sequence(runner, 0);
            var began = Stopwatch.GetTimestamp();
            sequence.Step(count);
            times.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        var (time, peak, operations) = (Statistics.Median(times), Statistics.Median(limits), Operations(runner.Config, count));
        Line($"  prefill {count / time,7:F0} tokens/s  {operations / time / 1e9,6:F0} GOP/s  {operations / time / peak,6:P1} of {peak / 1e9:F0} GOP/s");
    }

    private static void Batch(CpuRunner runner)
    {
        double one = 0, many = 0;
        foreach (var batch in new[] { 1, 16, 1, 16, 1, 16 })
        {
            var sequences = Enumerable.Range(0, batch).Select(i => new Sequence(runner, i * 16)).ToArray();
            var rows = new RunnerRow[batch];
            var logits = new float[batch * runner.Config.VocabSize];
            var began = 0L;
            const int Count = 60;
            for (var step = -4; step < Count; step++)
            {
                began = step == 0 ? Stopwatch.GetTimestamp() : began;
                for (var i = 0; i < batch; i++)
                {
                    rows[i] = sequences[i].Row(1);
                }

                runner.Step(rows, logits);
            }

            var speed = Count * batch / Stopwatch.GetElapsedTime(began).TotalSeconds;
            (one, many) = batch == 1 ? (Math.Max(one, speed), many) : (one, Math.Max(many, speed));
        }

        Line($"  16 sequences {many,7:F1} tokens/s, {many / one:F1} × one");
    }

    private static void Position(CpuRunner runner)
    {
        var sequence = new Sequence(runner, 0);
        double early = 0, late = 0;
        var end = Math.Min(1000, runner.Config.ContextLength - 24);
        sequence.Step(6);
        early = Median(() => sequence.Step(1), 16);
        while (sequence.Length < end - 8)
        {
            sequence.Step(Math.Min(runner.MaxTokensPerStep, end - 8 - sequence.Length));
        }

        late = Median(() => sequence.Step(1), 16);
        Line($"  token at {end}: {late * 1e3:F2} ms, at 10: {early * 1e3:F2} ms, {late / early:F3} ×");
    }

    private static double Median(Action action, int count)
    {
        var times = new double[count];
        for (var i = 0; i < count; i++)
        {
            var began = Stopwatch.GetTimestamp();
            action();
            times[i] = Stopwatch.GetElapsedTime(began).TotalSeconds;
        }

        Array.Sort(times);
        return times[count / 2];
    }

    /// <summary>Multiplications and additions of a prefill with logits of its last token.</summary>
    private static double Operations(Gpt2Config config, int tokens)
    {
        double width = config.EmbeddingSize, inner = config.InnerSize;
        var matrices = config.LayerCount * ((4 * width * width) + (2 * width * inner));
        var attention = config.LayerCount * width * (tokens + 1.0);
        return (2 * tokens * (matrices + attention)) + (2 * width * config.VocabSize);
    }

    private static string? Option(string[] args, string name)
    {
        var at = Array.IndexOf(args, name);
        return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(Invariant));

    private sealed class Sequence(CpuRunner runner, int firstBlock)
    {
        private readonly int[] blocks = [.. Enumerable.Range(firstBlock, Math.Min(runner.BlockCount - firstBlock, runner.Config.ContextLength / runner.BlockSize))];
        private readonly float[] logits = new float[runner.Config.VocabSize];
        private readonly RunnerRow[] rows = new RunnerRow[1];
        private readonly int[] ids = [.. Enumerable.Range(0, runner.Config.ContextLength).Select(i => (i * 7919) % runner.Config.VocabSize)];

        public int Length { get; private set; }

        public RunnerRow Row(int count)
        {
            var row = new RunnerRow(ids.AsMemory(Length, count), Length, blocks, LogitsWanted.Last);
            Length += count;
            return row;
        }

        public void Step(int count)
        {
            rows[0] = Row(count);
            runner.Step(rows, logits);
        }
    }
}
