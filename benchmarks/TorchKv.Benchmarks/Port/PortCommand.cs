using System.CommandLine;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Files;

namespace TorchKv.Benchmarks.Port;

/// <summary>
/// <c>port</c>: GPT-2 124M through no cache, the port's caches and the engine's paged runner, in eager PyTorch and in
/// the port, on the same weights and device. Figures are medians of runs in turns.
/// </summary>
internal sealed class PortCommand : Command
{
    // The same code with 32 times fewer parameters, so that thousands of tokens take seconds.
    private static readonly Gpt2Config s_soakModel = new()
    {
        VocabSize = 4096,
        EmbeddingSize = 192,
        LayerCount = 6,
        HeadCount = 6,
    };

    private readonly Option<string> _device = new("--device")
    {
        Description = "cpu, cuda or cuda:N (cpu)",
        HelpName = "DEVICE",
        DefaultValueFactory = _ => "cpu",
    };

    private readonly Option<bool> _quick = BenchOption.Quick();
    private readonly Option<string?> _json = BenchOption.Json();
    private readonly Option<string?> _plot = BenchOption.Plot();
    private readonly Option<int> _threads = BenchOption.Threads(
        Environment.ProcessorCount, "libtorch's threads on both sides; a Python whose BLAS has its own may want 1");
    private readonly Option<string?> _model = BenchOption.Model();
    private readonly Option<string[]> _dtypes = BenchOption.Several(
        "--dtype", PortShapes.DTypes, [], "some of the dtypes (cpu: float32; cuda: all)");
    private readonly Option<string[]> _caches = BenchOption.Several(
        "--cache", PortShapes.Caches, PortShapes.Caches, "some of the caches");
    private readonly Option<int[]?> _batches = BenchOption.Numbers(
        "--batch", 1024, "sequences (cpu: 1,8; cuda: 1,8,32)");
    private readonly Option<int> _prompt = BenchOption.Number(
        "--prompt", 0, 1000, 0, "tokens of each prompt; 0: 48 on the CPU, else 512");

    public PortCommand()
        : base("port", "The port beside the same work in PyTorch.")
    {
        foreach (var option in
            (Option[])[_device, _quick, _json, _plot, _threads, _model, _dtypes, _caches, _batches, _prompt])
        {
            Options.Add(option);
        }

        SetAction(Run);
    }

    private void Run(ParseResult parsed)
    {
        var (device, quick, threads) = (parsed.GetValue(_device)!, parsed.GetValue(_quick), parsed.GetValue(_threads));
        var model = Model(parsed.GetValue(_model));
        var prompt = parsed.GetValue(_prompt) is > 0 and var given ? given : (int?)null;
        var shapes = PortShapes.Of(device, quick, parsed.GetValue(_caches), parsed.GetValue(_batches), prompt);
        var dtypes = parsed.GetValue(_dtypes) is { Length: > 0 } chosen ? chosen : PortShapes.StandardDTypes(device);
        var rows = new List<PortRow>();
        PortSides? sides = null;
        foreach (var dtype in dtypes)
        {
            sides = new PortSides(model, device, dtype, threads);
            var cases = shapes.Select(shape => new PortCase(shape)).ToList();
            sides.Run(cases, quick ? 2 : 4, Progress);
            Progress("");
            if (rows.Count == 0)
            {
                PrintHeader(model, device, sides);
            }

            var measured = cases.Select(one => one.Row(dtype, model, sides.Limits)).ToList();
            measured.ForEach(row => Console.WriteLine(row.Line()));
            rows.AddRange(measured);
        }

        // A checkpoint of another's choice is measured for its speed alone.
        var onCpu = PortShapes.IsCpu(device) && parsed.GetValue(_model) is null;
        var report = new PortReport
        {
            PyTorch = sides!.PyTorch?.Ready,
            Port = sides.Port!.Ready,
            Model = model.Name,
            Device = device,
            Threads = threads,
            Rows = rows,
            Loading = onCpu ? Loading(model, sides.Port) : null,
            Soaks = onCpu ? Soak(quick, threads) : [],
        };
        if (parsed.GetValue(_json) is { } json)
        {
            AtomicFile.Write(json, report.Write);
        }

        if (parsed.GetValue(_plot) is { } plot)
        {
            AtomicFile.WriteText(plot, report.Chart());
        }
    }

    private static PortModel Model(string? folder)
    {
        if (folder is null)
        {
            return new PortModel("GPT-2 124M", FormulaModels.Gpt2(), new Gpt2Config());
        }

        using var checkpoint = Checkpoint.Open(folder);
        return new PortModel(
            Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))), folder, checkpoint.Config);
    }

    private static void PrintHeader(PortModel model, string device, PortSides sides)
    {
        Console.WriteLine(
            sides.PyTorch is null ? sides.Port!.Ready : $"A: {sides.PyTorch.Ready}. B: {sides.Port!.Ready}.");
        var (bytes, operations) = (sides.Limits.BytesPerSecond / 1e9, sides.Limits.OperationsPerSecond / 1e9);
        Console.WriteLine(
            $"{model.Name} on {device}, {Environment.ProcessorCount} cores; at most {bytes:F1} GB/s"
                + (double.IsFinite(operations) ? $" and {operations:F0} GFLOP/s. " : ". ")
                + "Paged is the engine's runner beside PyTorch's static cache.");
        Console.WriteLine(
            "OpenMP's idle threads: GOMP_SPINCOUNT="
                + (Environment.GetEnvironmentVariable("GOMP_SPINCOUNT")
                    ?? "1000 for the port, which sets it; unset for PyTorch, whose threads spin until the next loop")
                + ".");
        Console.WriteLine();
        Console.WriteLine(PortRow.Header);
    }

    private static void Progress(string what)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write($"\r{what,-40}\r");
        }
    }

    private static LoadingMemory Loading(PortModel model, TorchReady port)
    {
        var loading = new LoadingMemory(
            new FileInfo(Path.Combine(model.Folder, "model.safetensors")).Length, port.Before, port.Peak);
        Console.WriteLine();
        Console.WriteLine(
            $"Loading: resident memory peaks at {loading.Peak / 1e6:F0} MB, of which {loading.Before / 1e6:F0} MB "
                + $"are .NET and libtorch; the model adds {loading.Ratio:F2} x its file.");
        return loading;
    }

    private static List<SoakRow> Soak(bool quick, int threads)
    {
        var tokens = quick ? 2_000 : 10_000;
        var rows = new List<SoakRow>();
        using var port = PortSides.Start(
            FormulaModels.Folder("gpt2-small-formula", s_soakModel), "cpu", "float32", threads);
        Console.WriteLine();
        foreach (var cache in new[] { "concat", "static" })
        {
            var answer = port.Ask(new TorchRequest(TorchRequest.Soak + cache, Batch: 1, Prompt: 16, tokens));
            rows.Add(
                new SoakRow(
                    cache,
                    tokens,
                    answer.Ms[0] / 1e3,
                    answer.Resident,
                    (double)answer.ManagedBytes / tokens,
                    answer.Gen0));
            Console.WriteLine(rows[^1].Line());
        }

        return rows;
    }
}
