using System.CommandLine;
using System.Diagnostics;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;

namespace TorchKv.Benchmarks.Kernels;

/// <summary>
/// <c>first-token</c>: a process that loads a model, prints one token and then the most bytes that it had resident.
/// </summary>
internal sealed class FirstTokenCommand : Command
{
    public const string CommandName = "first-token";

    private readonly Option<string> _model = BenchOption.Required("--model", "DIR", "the checkpoint");
    private readonly Option<string> _dtype = BenchOption.Required("--dtype", "DTYPE", "of the weights");
    private readonly Option<int> _threads = BenchOption.Threads(Environment.ProcessorCount, "threads");

    public FirstTokenCommand()
        : base(CommandName, "Loads a model and prints a token.")
    {
        Hidden = true;
        foreach (var option in (Option[])[_model, _dtype, _threads])
        {
            Options.Add(option);
        }

        SetAction(Run);
    }

    private void Run(ParseResult parsed)
    {
        var dtype = Enum.Parse<CpuDType>(parsed.GetValue(_dtype)!, ignoreCase: true);
        var options = new CpuRunnerOptions { DType = dtype, Threads = parsed.GetValue(_threads) };
        using var runner = CpuRunner.Load(parsed.GetValue(_model)!, options);
        var logits = new float[runner.Config.VocabSize];
        runner.Step([new RunnerRow(new[] { 1, 2, 3, 4 }, 0, new[] { 0 }, LogitsWanted.Last)], logits);
        Console.WriteLine(Array.IndexOf(logits, logits.Max()));
        Console.Out.Flush();
        Console.WriteLine(Process.GetCurrentProcess().PeakWorkingSet64);
    }
}
