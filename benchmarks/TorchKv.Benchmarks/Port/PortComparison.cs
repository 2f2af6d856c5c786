using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using TorchKv.Benchmarks.Kernels;
using TorchKv.Plotting;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;

namespace TorchKv.Benchmarks.Port;

/// <summary>
/// <c>./run.sh bench port</c>: GPT-2 124M through no cache, concat and static, batch 1 and 8, in eager PyTorch and in the port,
/// on the same weights and threads. Both are loaded all along and run in turns, so that what else the machine does
/// falls on both; figures are medians.
/// </summary>
internal static class PortComparison
{
    private static readonly Gpt2Config Model = new();

    // The same code with 32 times fewer parameters, so that thousands of tokens take seconds.
    private static readonly Gpt2Config SoakModel = new() { VocabSize = 4096, EmbeddingSize = 192, LayerCount = 6, HeadCount = 6 };

    public static int Run(string[] arguments)
    {
        if (BenchOptions.Parse(arguments) is not { } options)
        {
            Console.Error.WriteLine($"usage: ./run.sh bench port {BenchOptions.Usage}");
            return 2;
        }

        var root = FindRoot();
        var folder = Checkpoints(root, "gpt2-124m-formula", Model);
        var script = Path.Combine(root, "benchmarks", "compare", "gpt2_pytorch.py");
        var interpreter = Environment.GetEnvironmentVariable("TORCHKV_PYTHON") ?? "python3";
        string[] scriptArguments = [script, folder, options.Threads.ToString(CultureInfo.InvariantCulture)];
        PortReady? pythonReady = null, portReady = null;
        var limit = 0.0;
        var cases = Cases(options.Quick);

        // Twice, and once the one is started first and once the other: on some machines the later of two processes is some
        // per cent faster for as long as it lives.
        for (var session = 0; session < 2; session++)
        {
            using var early = session == 0 ? PortProcess.Start(interpreter, scriptArguments, out _) : null;
            using var port = StartPort(folder, options.Threads);
            if (port is null)
            {
                return 1;
            }

            var why = "";
            using var late = session == 1 || early is null ? PortProcess.Start(interpreter, scriptArguments, out why) : null;
            var python = early ?? late;
            limit = Math.Max(limit, MachinePeaks.BestRead(Environment.ProcessorCount));
            if (session == 0)
            {
                pythonReady = python?.Ready;
                portReady = port.Ready;
                if (python is null)
                {
                    Console.Error.WriteLine($"No PyTorch to compare with: {why} (pip install torch numpy; TORCHKV_PYTHON names the Python that has them.)");
                }

                Console.WriteLine(python is null ? port.Ready.Ready : $"A: {python.Ready.Ready}. B: {port.Ready.Ready}.");
            }

            foreach (var measured in cases)
            {
                Progress($"{session + 1}/2 {measured}");
                measured.Run(python, port, rounds: options.Quick ? 2 : 4, first: session);
            }
        }

        Progress("");
        Console.WriteLine(Invariant($"GPT-2 124M, float32, {Environment.ProcessorCount} cores, {limit / 1e9:F1} GB/s read by all of them."));
        Console.WriteLine();
        Console.WriteLine(PortRow.Header);
        var rows = cases.Select(measured => measured.Row(limit)).ToList();
        rows.ForEach(row => Console.WriteLine(row.Line()));
        var file = new FileInfo(Path.Combine(folder, "model.safetensors")).Length;
        var loading = new Loading(file, portReady!.Before, portReady.Peak);
        Console.WriteLine();
        Console.WriteLine(Invariant($"Loading: resident memory peaks at {loading.Peak / 1e6:F0} MB, of which {loading.Before / 1e6:F0} MB are .NET and libtorch; the model adds {loading.Ratio:F2} x its file."));
        var soaks = Soak(root, options);
        Write(options, rows, loading, soaks, limit, pythonReady?.Ready, portReady.Ready);
        return 0;
    }

    private static void Progress(string what)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write($"\r{what,-40}\r");
        }
    }

    private static List<PortCase> Cases(bool quick)
    {
        var cases = new List<PortCase>();
        foreach (var batch in new[] { 1, 8 })
        {
            foreach (var cache in new[] { "none", "concat", "static" })
            {
                // Enough tokens for a median, few enough that the six take minutes.
                var tokens = (cache, batch) switch
                {
                    ("none", 1) => 12,
                    ("none", _) => 4,
                    (_, 1) => 40,
                    _ => 20,
                };
                var request = new PortRequest(cache, batch, Prompt: 48, quick ? Math.Max(3, tokens / 2) : tokens);
                cases.Add(new PortCase(request, cache == "none" ? null : BytesRead(batch, request.Prompt + (request.New / 2))));
            }
        }

        return cases;
    }

    /// <summary>Weights once, but of the position embedding one row, and every row's keys and values.</summary>
    private static long BytesRead(int batch, int position) =>
        ((Model.ParameterCount - ((long)Model.ContextLength * Model.EmbeddingSize)) * sizeof(float)) + new CacheMemory(Model).Bytes(position, batch);

    private static List<SoakRow> Soak(string root, BenchOptions options)
    {
        var tokens = options.Quick ? 2_000 : 10_000;
        var rows = new List<SoakRow>();
        using var port = StartPort(Checkpoints(root, "gpt2-small-formula", SoakModel), options.Threads);
        Console.WriteLine();
        foreach (var cache in new[] { "concat", "static" })
        {
            var answer = port!.Ask(new PortRequest("soak-" + cache, Batch: 1, Prompt: 16, tokens));
            rows.Add(new SoakRow(cache, tokens, answer.Ms[0] / 1e3, answer.Resident, (double)answer.ManagedBytes / tokens, answer.Gen0));
            Console.WriteLine(rows[^1].Line());
        }

        return rows;
    }

    private static void Write(BenchOptions options, List<PortRow> rows, Loading loading, List<SoakRow> soaks, double limit, string? python, string port)
    {
        if (options.Json is not null)
        {
            using var file = File.Create(options.Json);
            using var json = new Utf8JsonWriter(file, new JsonWriterOptions { Indented = true });
            json.WriteStartObject();
            json.WriteString("pytorch", python);
            json.WriteString("port", port);
            json.WriteNumber("cores", Environment.ProcessorCount);
            json.WriteNumber("threads", options.Threads);
            json.WriteNumber("bytes_per_second", Math.Round(limit));
            json.WriteStartArray("rows");
            rows.ForEach(row => row.Write(json));
            json.WriteEndArray();
            loading.Write(json);
            json.WriteStartArray("soak");
            soaks.ForEach(row => row.Write(json));
            json.WriteEndArray();
            json.WriteEndObject();
        }

        if (options.Plot is not null)
        {
            var bars = rows.Where(row => row.Ratio is not null).Select(row => new RatioBar(Invariant($"{row.Cache}, batch {row.Batch}"), row.Ratio!.Value, Invariant($"{row.Ratio:F2}"))
            {
                Detail = Invariant($"{row.Port:F1} : {row.PyTorch:F1} tok/s"),
                Tone = row.Ratio >= 1 ? BarTone.Good : BarTone.Poor,
            });
            var chart = new RatioChart("GPT-2 124M, float32: the port ÷ PyTorch, same libtorch", "Bars to the right of 1: the port is faster", [new RatioGroup("", [.. bars])]);
            File.WriteAllText(options.Plot, chart.ToSvg());
        }
    }

    private static PortProcess? StartPort(string folder, int threads)
    {
        var worker = PortProcess.Start(Environment.ProcessPath!, ["port-worker", folder, threads.ToString(CultureInfo.InvariantCulture)], out var why);
        if (worker is null)
        {
            Console.Error.WriteLine($"The port does not start: {why}");
        }

        return worker;
    }

    /// <summary>A checkpoint by the formula, made once and kept among the build's outputs.</summary>
    private static string Checkpoints(string root, string name, Gpt2Config config)
    {
        var folder = Path.Combine(root, "artifacts", "benchmarks", name);
        try
        {
            Checkpoint.Open(folder).Dispose();
        }
        catch (Runtime.Contracts.TorchKvException)
        {
            var began = Stopwatch.GetTimestamp();
            FormulaCheckpoint.Write(folder, config);
            Console.Error.WriteLine(Invariant($"{folder} made in {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s"));
        }

        return folder;
    }

    internal static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "run.sh")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("No run.sh above this program.");
    }
}
