using System.CommandLine;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu;

namespace TorchKv.Benchmarks.Peers;

/// <summary><c>worker</c>: a side of the comparison in a process of its own, asked over its standard input.</summary>
internal sealed class WorkerCommand : Command
{
    public const string CommandName = "worker";

    private readonly Option<string> _model = BenchOption.Required(
        "--model", "PATH", "the checkpoint's folder, or the GGUF file");
    private readonly Option<int> _threads = BenchOption.Threads(1, "threads");
    private readonly Option<string?> _dtype = BenchOption.Text("--dtype", "DTYPE", "of the CPU runner's weights");
    private readonly Option<string?> _llama = BenchOption.Text(
        "--llama", "DIR", "the folder with libllama: it runs the model");
    private readonly Option<int> _context = BenchOption.Number(
        "--context", 1, 1_000_000, 1024, "tokens of llama.cpp's context, all sequences together");
    private readonly Option<int> _sequences = BenchOption.Number("--sequences", 1, 1000, 1, "llama.cpp's sequences");
    private readonly Option<int> _vocabulary = BenchOption.Number(
        "--vocabulary", 1, 10_000_000, 50257, "ids of llama.cpp's model");

    public WorkerCommand()
        : base(CommandName, "One side of a comparison.")
    {
        Hidden = true;
        foreach (var option in (Option[])[_model, _threads, _dtype, _llama, _context, _sequences, _vocabulary])
        {
            Options.Add(option);
        }

        SetAction(Serve);
    }

    private int Serve(ParseResult parsed)
    {
        var (model, threads) = (parsed.GetValue(_model)!, parsed.GetValue(_threads));
        if (parsed.GetValue(_llama) is { } library)
        {
            LlamaCpp.LoadLibrary(library);
            var vocabulary = parsed.GetValue(_vocabulary);
            var llama = LlamaCpp.Load(
                model, threads, parsed.GetValue(_context), parsed.GetValue(_sequences), vocabulary);
            return Worker.Serve(llama, vocabulary, threads);
        }

        var context = Gpt2Config.Load(model).ContextLength;
        var runner = CpuRunner.Load(model, new CpuRunnerOptions
        {
            DType = Enum.Parse<CpuDType>(parsed.GetValue(_dtype) ?? nameof(CpuDType.Float32), ignoreCase: true),
            Threads = threads,
            MaxTokensPerStep = Math.Max(16, context),
            BlockCount = 16 * ((context + 15) / 16),
        });
        return Worker.Serve(new RunnerPeer(runner, 16, runner.WeightBytesPerStep), runner.Config.VocabSize, threads);
    }
}
