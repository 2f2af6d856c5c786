using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Plotting;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Files;

namespace TorchKv.Benchmarks.Port;

/// <summary>
/// <c>port</c>: GPT-2 124M through no cache, concat and static, batch 1 and 8, in eager PyTorch and in the port, on the
/// same weights and threads. Both are loaded all along and run in turns, so that what else the machine does falls on
/// both; figures are medians.
/// </summary>
internal sealed class PortCommand : Command
{
    private static readonly Gpt2Config s_model = new();

    // The same code with 32 times fewer parameters, so that thousands of tokens take seconds.
    private static readonly Gpt2Config s_soakModel = new()
    {
        VocabSize = 4096,
        EmbeddingSize = 192,
        LayerCount = 6,
        HeadCount = 6,
    };

    private readonly Option<bool> _quick = BenchOption.Quick();
    private readonly Option<string?> _json = BenchOption.Json();
    private readonly Option<string?> _plot = BenchOption.Plot();
    private readonly Option<int> _threads = BenchOption.Threads(
        Environment.ProcessorCount, "libtorch's threads on both sides; a Python whose BLAS has its own may want 1");

    public PortCommand()
        : base("port", "The port beside the same work in PyTorch.")
    {
        foreach (var option in (Option[])[_quick, _json, _plot, _threads])
        {
            Options.Add(option);
        }

        SetAction(Run);
    }

    private int Run(ParseResult parsed)
    {
        var (quick, threads) = (parsed.GetValue(_quick), parsed.GetValue(_threads));
        var folder = FormulaModels.Folder("gpt2-formula", s_model);
        string[] scriptArguments =
        [
            RepositoryFolder.At("benchmarks", "compare", "gpt2_pytorch.py"),
            folder,
            threads.ToString(CultureInfo.InvariantCulture),
        ];
        TorchReady? pythonReady = null, portReady = null;
        var limit = 0.0;
        var cases = Cases(quick);

        // Twice, and once the one is started first and once the other: on some machines the later of two processes is
        // some per cent faster for as long as it lives.
        for (var session = 0; session < 2; session++)
        {
            using var early = session == 0 ? TorchProcess.Start(TorchProcess.Python, scriptArguments, out _) : null;
            using var port = StartPort(folder, threads);
            if (port is null)
            {
                return 1;
            }

            var why = "";
            using var late = session == 1 || early is null
                ? TorchProcess.Start(TorchProcess.Python, scriptArguments, out why)
                : null;
            var python = early ?? late;
            limit = Math.Max(limit, MachinePeaks.BestRead(Environment.ProcessorCount));
            if (session == 0)
            {
                pythonReady = python?.Ready;
                portReady = port.Ready;
                if (python is null)
                {
                    Console.Error.WriteLine(
                        $"No PyTorch to compare with: {why} (Debian/Ubuntu: apt-get install python3-torch "
                            + "python3-numpy; TORCHKV_PYTHON names another Python.)");
                }

                Console.WriteLine(
                    python is null ? port.Ready.Ready : $"A: {python.Ready.Ready}. B: {port.Ready.Ready}.");
            }

            foreach (var measured in cases)
            {
                Progress($"{session + 1}/2 {measured}");
                measured.Run(python, port, rounds: quick ? 2 : 4, first: session);
            }
        }

        Progress("");
        Console.WriteLine(
            $"GPT-2 124M, float32, {Environment.ProcessorCount} cores, {limit / 1e9:F1} GB/s read by all of them.");
        Console.WriteLine();
        Console.WriteLine(PortRow.Header);
        var rows = cases.Select(measured => measured.Row(limit)).ToList();
        rows.ForEach(row => Console.WriteLine(row.Line()));
        var file = new FileInfo(Path.Combine(folder, "model.safetensors")).Length;
        var loading = new LoadingMemory(file, portReady!.Before, portReady.Peak);
        Console.WriteLine();
        Console.WriteLine(
            $"Loading: resident memory peaks at {loading.Peak / 1e6:F0} MB, of which {loading.Before / 1e6:F0} MB "
                + $"are .NET and libtorch; the model adds {loading.Ratio:F2} x its file.");
        var soaks = Soak(quick, threads);
        if (parsed.GetValue(_json) is { } json)
        {
            AtomicFile.Write(
                json,
                stream => WriteJson(stream, threads, rows, loading, soaks, limit, pythonReady?.Ready, portReady.Ready));
        }

        if (parsed.GetValue(_plot) is { } plot)
        {
            AtomicFile.WriteText(plot, Chart(rows));
        }

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
                var request = new TorchRequest(cache, batch, Prompt: 48, quick ? Math.Max(3, tokens / 2) : tokens);
                cases.Add(
                    new PortCase(
                        request,
                        cache == "none"
                            ? null
                            : ModelWork.DecodeBytes(
                                s_model, request.Prompt + (request.New / 2), batch, sizeof(float))));
            }
        }

        return cases;
    }

    private static List<SoakRow> Soak(bool quick, int threads)
    {
        var tokens = quick ? 2_000 : 10_000;
        var rows = new List<SoakRow>();
        using var port = StartPort(FormulaModels.Folder("gpt2-small-formula", s_soakModel), threads);
        Console.WriteLine();
        foreach (var cache in new[] { "concat", "static" })
        {
            var answer = port!.Ask(new TorchRequest("soak-" + cache, Batch: 1, Prompt: 16, tokens));
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

    private static void WriteJson(
        Stream stream,
        int threads,
        List<PortRow> rows,
        LoadingMemory loading,
        List<SoakRow> soaks,
        double limit,
        string? python,
        string port)
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString("pytorch", python);
        json.WriteString("port", port);
        json.WriteNumber("cores", Environment.ProcessorCount);
        json.WriteNumber("threads", threads);
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

    private static string Chart(List<PortRow> rows)
    {
        var bars = rows.Where(row => row.Ratio is not null)
            .Select(
                row => new RatioBar(
                    $"{row.Cache}, batch {row.Batch}", row.Ratio!.Value, $"{row.Ratio:F2}")
                {
                    Detail = $"{row.Port:F1} : {row.PyTorch:F1} tok/s",
                    Tone = row.Ratio >= 1 ? BarTone.Good : BarTone.Poor,
                });
        return new RatioChart(
            "GPT-2 124M, float32: the port ÷ PyTorch",
            "Bars to the right of 1: the port is faster",
            [new RatioGroup("", [.. bars])]).ToSvg();
    }

    private static TorchProcess? StartPort(string folder, int threads)
    {
        var worker = TorchProcess.Start(
            Environment.ProcessPath!,
            [
                PortWorkerCommand.CommandName,
                "--model",
                folder,
                "--threads",
                threads.ToString(CultureInfo.InvariantCulture)
            ],
            out var why);
        if (worker is null)
        {
            Console.Error.WriteLine($"The port does not start: {why}");
        }

        return worker;
    }
}
