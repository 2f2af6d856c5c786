using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;

namespace TorchKv.Benchmarks.Kernels;

/// <summary><c>runner</c>: the CPU runner by itself, against what the machine can do in the same run.</summary>
internal sealed class RunnerCommand : Command
{
    private static readonly string[] s_dtypes = ["float32", "bfloat16", "int8", "int4"];
    private static readonly string[] s_parts = ["decode", "prefill", "batch", "position", "competitor", "start"];

    private readonly Option<string?> _model = BenchOption.Model();
    private readonly Option<string[]> _dtypes = BenchOption.Several("--dtype", s_dtypes, s_dtypes, "of the weights");
    private readonly Option<int> _threads = BenchOption.Threads(Environment.ProcessorCount, "the runner's threads");
    private readonly Option<string[]> _only = BenchOption.Several(
        "--only", s_parts, s_parts, "some of the measurements");

    public RunnerCommand()
        : base("runner", "The CPU runner by itself.")
    {
        foreach (var option in (Option[])[_model, _dtypes, _threads, _only])
        {
            Options.Add(option);
        }

        SetAction(Run);
    }

    private void Run(ParseResult parsed)
    {
        var model = parsed.GetValue(_model) ?? FormulaModels.Gpt2();
        var threads = parsed.GetValue(_threads);
        foreach (var dtype in parsed.GetValue(_dtypes)!)
        {
            var began = Stopwatch.GetTimestamp();
            var options = new CpuRunnerOptions
            {
                DType = Enum.Parse<CpuDType>(dtype, ignoreCase: true),
                Threads = threads,
            };
            using var runner = CpuRunner.Load(model, options);
            Console.WriteLine(
                $"{dtype}: loaded in {Stopwatch.GetElapsedTime(began).TotalSeconds:F2} s, "
                    + $"{runner.WeightBytesPerStep / 1e6:F0} MB of weights a step, "
                    + $"{Environment.WorkingSet / 1e6:F0} MB resident");
            foreach (var part in s_parts.Intersect(parsed.GetValue(_only)!))
            {
                switch (part)
                {
                    case "decode":
                        Decode(runner, threads);
                        break;
                    case "prefill":
                        Prefill(runner, threads);
                        break;
                    case "batch":
                        Batch(runner);
                        break;
                    case "position":
                        Position(runner);
                        break;
                    case "competitor":
                        Competitor(runner);
                        break;
                    default:
                        Start(model, dtype, threads, runner.WeightBytesPerStep);
                        break;
                }
            }
        }
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
            var sequence = new RunnerSequence(runner, 0);
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
        var keysAndValues = (Prompt + (Count / 2)) * (double)runner.BytesPerBlock / runner.BlockSize;
        var bytes = runner.WeightBytesPerStep + keysAndValues;
        Console.WriteLine(
            $"  decode {1 / time,8:F1} tokens/s  {bytes / time / 1e9,6:F1} GB/s  {bytes / time / reads.Limit,6:P1} "
                + $"of {reads.Limit / 1e9:F1} GB/s, {allocated / (double)times.Count:F0} bytes allocated a token, "
                + "on all threads");
    }

    /// <summary>Decoding while another process spins on the last processor.</summary>
    private static void Competitor(CpuRunner runner)
    {
        var most = Math.Min(900, runner.Config.ContextLength - 8);
        double Speed()
        {
            var sequence = new RunnerSequence(runner, 0);
            sequence.Step(4);
            var began = Stopwatch.GetTimestamp();
            var count = 0;
            for (; Stopwatch.GetElapsedTime(began).TotalSeconds < 2 && count < most; count++)
            {
                sequence.Step(1);
            }

            return count / Stopwatch.GetElapsedTime(began).TotalSeconds;
        }

        var alone = Speed();
        using var competitor = new SpinningProcess();
        var disturbed = Speed();
        Console.WriteLine($"  beside a spinning process {disturbed:F1} tokens/s, {disturbed / alone:P0} of {alone:F1}");
    }

    /// <summary>A new process: from its start to its first token, and the most memory it had resident.</summary>
    private static void Start(string model, string dtype, int threads, long weights)
    {
        for (var i = 0; i < 3; i++)
        {
            var info = new ProcessStartInfo(
                Environment.ProcessPath!,
                [
                    FirstTokenCommand.CommandName,
                    "--model",
                    model,
                    "--dtype",
                    dtype,
                    "--threads",
                    threads.ToString(CultureInfo.InvariantCulture)
                ])
            {
                RedirectStandardOutput = true,
            };
            var began = Stopwatch.GetTimestamp();
            using var child = Process.Start(info)!;
            _ = child.StandardOutput.ReadLine();
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            var resident = double.Parse(child.StandardOutput.ReadLine() ?? "0", CultureInfo.InvariantCulture);
            child.WaitForExit();
            Console.WriteLine(
                $"  first token {seconds:F2} s after the process starts, {resident / 1e6:F0} MB resident at most, "
                    + $"{resident / weights:F2} × the weights");
        }
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
            var sequence = new RunnerSequence(runner, 0);
            var began = Stopwatch.GetTimestamp();
            sequence.Step(count);
            times.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        var (time, peak, operations) = (
            Statistics.Median(times), Statistics.Median(limits), ModelWork.PrefillOperations(runner.Config, count));
        Console.WriteLine(
            $"  prefill {count / time,7:F0} tokens/s  {operations / time / 1e9,6:F0} GOP/s  "
                + $"{operations / time / peak,6:P1} of {peak / 1e9:F0} GOP/s");
    }

    private static void Batch(CpuRunner runner)
    {
        double one = 0, many = 0;
        foreach (var batch in new[] { 1, 16, 1, 16, 1, 16 })
        {
            var sequences = Enumerable.Range(0, batch).Select(i => new RunnerSequence(runner, i * 16)).ToArray();
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

        Console.WriteLine($"  16 sequences {many,7:F1} tokens/s, {many / one:F1} × one");
    }

    private static void Position(CpuRunner runner)
    {
        var sequence = new RunnerSequence(runner, 0);
        double early = 0, late = 0;
        var end = Math.Min(1000, runner.Config.ContextLength - 24);
        sequence.Step(6);
        early = Median(() => sequence.Step(1), 16);
        while (sequence.Length < end - 8)
        {
            sequence.Step(Math.Min(runner.MaxTokensPerStep, end - 8 - sequence.Length));
        }

        late = Median(() => sequence.Step(1), 16);
        Console.WriteLine($"  token at {end}: {late * 1e3:F2} ms, at 10: {early * 1e3:F2} ms, {late / early:F3} ×");
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

        return Statistics.Median(times);
    }
}
