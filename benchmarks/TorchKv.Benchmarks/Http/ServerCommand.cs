using System.CommandLine;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Serving;
using TorchKv.Runtime.Files;

namespace TorchKv.Benchmarks.Http;

/// <summary>
/// <c>server</c>: what HTTP costs, and whether the server stands clients that leave, nonsense and SIGTERM.
/// </summary>
internal sealed class ServerCommand : Command
{
    private static readonly string[] s_parts =
        ["overhead", "ratio", "streams", "scrape", "page", "aborts", "fuzz", "drain"];

    private readonly Option<bool> _quick = BenchOption.Quick();
    private readonly Option<string?> _json = BenchOption.Json();
    private readonly Option<string?> _model = BenchOption.Model();
    private readonly Option<string?> _text = BenchOption.Text(
        "--text", "DIR", "the model of all rows but 'ratio' (storyteller)");
    private readonly Option<int> _threads = BenchOption.Threads(Environment.ProcessorCount, "the runner's threads");
    private readonly Option<int> _scale = BenchOption.Number(
        "--percent", 1, 1000, 100, "size of the rows: cycles, bodies, tokens, streams");
    private readonly Option<string?> _peer = BenchOption.Text(
        "--peer", "URL", "another server with OpenAI's interface, llama.cpp's for instance, to read 16 streams from");
    private readonly Option<string[]> _only = BenchOption.Several("--only", s_parts, s_parts, "some of the figures");

    public ServerCommand()
        : base("server", "The server's figures.")
    {
        foreach (var option in (Option[])[_quick, _json, _model, _text, _threads, _scale, _peer, _only])
        {
            Options.Add(option);
        }

        SetAction((parsed, _) => RunAsync(parsed));
    }

    private async Task<int> RunAsync(ParseResult parsed)
    {
        var figures = new List<Figure>();
        await foreach (var figure in MeasureAsync(parsed))
        {
            Console.Error.WriteLine($"  {figure.What}: {figure.Shown} ({figure.Detail})");
            figures.Add(figure);
        }

        FigureTable.Write(Console.Out, figures);
        if (parsed.GetValue(_peer) is null)
        {
            Console.WriteLine(
                "No peer was given; --peer URL reads the same streams from llama.cpp's server, for instance.");
        }

        if (parsed.GetValue(_json) is { } json)
        {
            AtomicFile.WriteText(json, FigureTable.Json(figures, TextModel(parsed), parsed.GetValue(_threads)) + "\n");
        }

        return 0;
    }

    private string TextModel(ParseResult parsed) =>
        parsed.GetValue(_text) ?? RepositoryFolder.At("weights", "storyteller");

    private async IAsyncEnumerable<Figure> MeasureAsync(ParseResult parsed)
    {
        var quick = parsed.GetValue(_quick);
        var only = parsed.GetValue(_only)!;
        var threads = parsed.GetValue(_threads);
        var text = TextModel(parsed);
        int Size(int full, int quickSize) => Math.Max(1, (quick ? quickSize : full) * parsed.GetValue(_scale) / 100);
        var rows = new List<(string Part, Func<Task<Figure[]>> Measure)>
        {
            ("overhead", () => StreamRows.Overhead(text, 1, Size(4000, 1000), 1, "≤ 50")),
            ("overhead", () => StreamRows.Overhead(text, Size(256, 256), Size(64_000, 16_000), 20, "≤ 20")),
            ("ratio", () => StreamRows.BehindHttp(
                parsed.GetValue(_model) ?? FormulaModels.Gpt2(), 16, Size(96, 24), quick ? 2 : 5, threads)),
            ("streams", () => StreamRows.Evenness(text, Size(256, 256), Size(200, 64), threads)),
            ("scrape", () => ScrapeRows.Cost(text, Size(2000, 400))),
            ("scrape", () => ScrapeRows.Throughput(text, 16, Size(400, 100), quick ? 3 : 9, threads)),
            ("page", () => ViewerRows.Watched(text, 16, Size(400, 100), quick ? 2 : 13, threads)),
            ("page", () => ViewerRows.Unwatched(text, 16, Size(400, 100), quick ? 2 : 13, threads)),
            ("aborts", () => FaultRows.Aborts(text, Size(10_000, 2000))),
            ("fuzz", () => FaultRows.Fuzz(text, Size(100_000, 4000))),
            ("drain", () => FaultRows.Drain(text, Size(64, 64), Size(200, 200))),
        };
        if (parsed.GetValue(_peer) is { } peer)
        {
            var address = Uri.TryCreate(peer, UriKind.Absolute, out var uri)
                ? uri
                : throw new InvalidDataException($"--peer takes a URL such as http://127.0.0.1:8080, not '{peer}'.");
            rows.Add(("ratio", () => StreamRows.Peer(address, 16, Size(96, 24))));
        }

        foreach (var (part, measure) in rows)
        {
            if (only.Contains(part))
            {
                foreach (var figure in await measure())
                {
                    yield return figure;
                }
            }
        }
    }
}
