using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Spectre.Console;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.PortChecking;
using TorchKv.PortChecking.Mapping;
using TorchKv.PortChecking.Report;
using TorchKv.PortChecking.Traces;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Files;
using static TorchSharp.torch;

namespace TorchKv.Cli.Commands;

/// <summary>
/// The command <c>check-port</c>: runs the port on the inputs of a PyTorch model's trace, and names the first module
/// whose output differs.
/// </summary>
internal sealed class CheckPortCommand : CliCommand
{
    public const string CommandName = "check-port";

    private static readonly string[] s_articleKeys =
        ["vocab_size", "context_length", "emb_dim", "n_heads", "n_layers", "drop_rate", "qkv_bias", "kv_window_size"];

    private readonly Option<string?> _trace =
        Values.Text("--trace", "FILE", "the trace of the original, from tools/trace.py");

    private readonly Option<string?> _model = Values.Folder("--model", "DIR", "a checkpoint in HuggingFace's layout");

    private readonly Option<bool> _article =
        Values.Flag("--article", "the article's model, with the trace's configuration and seed");

    private readonly Option<string?> _config =
        Values.Text("--config", "FILE.json", "with --article: a configuration under the article's keys instead");

    private readonly Option<ulong?> _seed = Values.Seed("--seed", "with --article: another seed than the trace's");

    private readonly Option<string?> _map =
        Values.Text("--map", "FILE.json", "the port's names for the original's modules");

    private readonly Option<string?> _plot =
        Values.OutputFile("--plot", "FILE.svg", "draws the error of each module at each step");

    private readonly Option<bool> _json = Values.Flag("--json", "one JSON object on standard output");

    public CheckPortCommand(CliConsole console)
        : base(console, CommandName, "Compares the port with a trace of its PyTorch original, module by module.")
    {
        AddGroup("Original", _trace);
        AddGroup("Port", _model, _article, _config, _seed, _map);
        AddGroup("Output", _plot, _json);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv check-port --trace tests/fixtures/trace/right.safetensors --article", "the same"),
        ("torchkv check-port --trace run.safetensors --article --plot error.svg", "a mistake, and its picture"),
    ];

    public override IReadOnlyList<string> Notes =>
    [
        "Exit code 0: the same. 1: it differs, or the comparison could not be made. The first module in the order "
            + "of execution that differs is named, with what the difference looks like; whatever finished before it "
            + "agrees.",
        "--map is a JSON object: {\"transformer.h.*.ln_1\": \"trf_blocks.*.norm1\"}; a list on the right joins "
            + "outputs, null leaves a module out. HuggingFace's names for GPT-2 need none. docs/port-checker.md tells "
            + "how to make a trace.",
    ];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (model, article) = (parsed.GetValue(_model), parsed.GetValue(_article));
        if (parsed.GetValue(_trace) is null)
        {
            throw new UsageException("--trace is missing: the file that tools/trace.py wrote.");
        }

        if (article == model is not null)
        {
            throw new UsageException("check-port needs either --model DIR or --article.");
        }

        if (!article && (parsed.GetValue(_config) is not null || parsed.GetValue(_seed) is not null))
        {
            throw new UsageException(
                "--config and --seed go with --article: a checkpoint brings its own configuration and weights.");
        }

        Libtorch.ThrowIfMissing();
        return Task.FromResult(Check(parsed));
    }

    // Apart, because whatever mentions a tensor loads TorchSharp.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int Check(ParseResult parsed)
    {
        using var trace = RecordedTrace.Open(parsed.GetValue(_trace)!);
        var mapping = parsed.GetValue(_map) is { } map ? ModuleMapping.Load(map) : null;
        using var model = parsed.GetValue(_model) is { } directory
            ? GPTModel.from_pretrained(directory)
            : Article(trace, parsed);
        model.eval();
        var report = Gpt2PortCheck.Compare(trace, model, new PortCheckOptions { Mapping = mapping });
        if (parsed.GetValue(_plot) is { } plot)
        {
            AtomicFile.WriteText(plot, report.ToSvg());
        }

        if (parsed.GetValue(_json))
        {
            WriteJson(report);
        }
        else
        {
            Write(report);
        }

        return report.Same ? ExitCodes.Done : ExitCodes.Failed;
    }

    private GPTModel Article(RecordedTrace trace, ParseResult parsed)
    {
        var json = parsed.GetValue(_config) is { } file ? CliConsole.ReadFile(file) : ArticleConfig(trace);
        var seed = parsed.GetValue(_seed) ?? (trace.Metadata.TryGetValue("seed", out var text)
            && ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var recorded)
                ? recorded
                : throw new TorchKvException(
                    $"{trace.Name} has no seed in its metadata; give the model's with --seed."));
        var config = GPTConfig.from_json(json);
        manual_seed(unchecked((long)seed));
        return new GPTModel(config);
    }

    // A trace's configuration is the original's own dictionary and may hold more than the article's keys.
    private string ArticleConfig(RecordedTrace trace)
    {
        var config = trace.MetadataJson("config") ?? throw new TorchKvException(
            $"{trace.Name} has no configuration in its metadata; give the model's with --config.");
        JsonProperty[] members = config.ValueKind == JsonValueKind.Object ? [.. config.EnumerateObject()] : [];
        JsonProperty[] known = [.. members.Where(member => s_articleKeys.Contains(member.Name))];
        if (known.Length == 0)
        {
            throw new TorchKvException($"{trace.Name}: its configuration has none of the article's keys "
                + $"({string.Join(", ", s_articleKeys)}); give the model's with --config.");
        }

        string[] others = [.. members.Select(member => member.Name).Except(known.Select(member => member.Name))];
        if (others.Length > 0)
        {
            Console.Warn($"the trace's configuration also has {string.Join(", ", others.Take(6))}"
                + $"{(others.Length > 6 ? ", …" : "")}, which the article's model does not know.");
        }

        return "{" + string.Join(",", known.Select(member => $"\"{member.Name}\":{member.Value.GetRawText()}")) + "}";
    }

    private void WriteJson(PortCheckReport report) => Console.WriteJson(writer =>
    {
        writer.WriteBoolean("same", report.Same);
        writer.WriteString("first", report.First);
        writer.WriteString("looks_like", report.LooksLike);
        writer.WriteStartArray("modules");
        foreach (var module in report.Modules)
        {
            writer.WriteStartObject();
            writer.WriteString("key", module.Key);
            Number("max_abs", module.MaxAbs);
            Number("max_rel", module.MaxRel);
            writer.WriteBoolean("within", module.Within);
            if (module.PortKey is null)
            {
                writer.WriteBoolean("missing", true);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        if (report.Notes.Count > 0)
        {
            writer.WriteStartArray("notes");
            foreach (var note in report.Notes)
            {
                writer.WriteStringValue(note);
            }

            writer.WriteEndArray();
        }

        if (report.ProposedMapping is { } mapping)
        {
            writer.WritePropertyName("proposed_mapping");
            writer.WriteRawValue(mapping.ToJson());
        }

        // JSON has no NaN: null where there is no error to tell, as between different shapes.
        void Number(string name, double value)
        {
            if (double.IsFinite(value))
            {
                writer.WriteNumber(name, value);
            }
            else
            {
                writer.WriteNull(name);
            }
        }
    });

    private void Write(PortCheckReport report)
    {
        var (output, style) = (Console.Out, Console.OutStyle);
        if (report.Same)
        {
            var largest = report.Modules.Where(module => module.Within).Select(module => module.MaxRel).Max();
            var compared = report.Modules.Count(module => module.PortKey is not null);
            output.WriteLine($"{style.Green("The same.")} {compared} outputs compared, "
                + $"largest relative error {Figure(largest)}.");
        }
        else
        {
            var first = style.Bold(report.First ?? "no module in particular");
            output.WriteLine($"{style.Red("It differs")}, first at {first}.");
            Paragraph($"It looks like: {report.LooksLike}.");
            var table = Tables.Create("module", "max abs", "max rel", "allowed");
            foreach (var module in report.Neighbourhood())
            {
                var mark = module.Key == report.First ? "→ "
                    : module.PortKey is null ? "? "
                    : module.Within ? "  "
                    : "× ";
                var color = module.PortKey is null ? "grey" : module.Within ? "green" : "red";
                table.AddRow(
                    new Markup($"[{color}]{Markup.Escape(mark + module.Key)}[/]"),
                    new Text(Figure(module.MaxAbs)),
                    new Text(Figure(module.MaxRel)),
                    new Text(Figure(module.Bound)));
            }

            Tables.Write(Console, table);
            var within = report.Modules.Count(module => module.Within);
            output.WriteLine($"{within} of {report.Modules.Count} outputs are within their bounds.");
        }

        foreach (var note in report.Notes)
        {
            Paragraph($"Note: {note}.");
        }

        if (report.ProposedMapping is { } mapping)
        {
            output.WriteLine("Names that may belong together (for --map):");
            output.WriteLine(mapping.ToJson());
        }
    }

    private void Paragraph(string text)
    {
        var wrap = new WordWrap(Console.Out, Math.Clamp(Console.Width, 40, 100));
        wrap.Write(text);
        wrap.Finish();
    }

    private static string Figure(double value) =>
        double.IsNaN(value) ? "–" : value == 0 ? "0" : value.ToString("0.0e-00", CultureInfo.InvariantCulture);
}
