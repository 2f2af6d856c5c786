using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Commands;

/// <summary>Text from a prompt, as it is made.</summary>
internal sealed class GenerateCommand : CliCommand
{
    public const string CommandName = "generate";

    private readonly PromptOptions _prompt = new();
    private readonly ModelOptions _model = new();
    private readonly GenerationOptionSet _generation = new();
    private readonly Option<string?> _prompts = Values.Text("--prompts", "FILE.jsonl", "a batch: a line is {\"prompt\": …} or {\"prompt_ids\": […]}");
    private readonly Option<string?> _cache = Values.OneOf("--cache", CacheKinds.Names, "the port's cache (static); implies --runner torch");
    private readonly Option<int?> _window = Values.Integer("--window", "W", 1, 1 << 24, "tokens that --cache sliding-window keeps");
    private readonly Option<bool> _showBlocks = Values.Flag("--show-blocks", "draws the CPU runner's pool of KV blocks while the prompts run");
    private readonly Option<int?> _numBeams = Values.Integer("--num-beams", "N", 1, 256, "beam search with N beams");
    private readonly Option<float?> _lengthPenalty = Values.Real("--length-penalty", "X", "from -100 to 100", value => value is >= -100 and <= 100, "a beam's score is its sum ÷ length^X (1)");
    private readonly Option<string?> _earlyStopping = Values.OneOf("--early-stopping", ["true", "false"], "stops once N beams are finished (false)");
    private readonly Option<int?> _numReturn = Values.Integer("--num-return-sequences", "N", 1, 256, "beams to answer with, best first (1)");
    private readonly Option<bool> _json = Values.Flag("--json", "one JSON object (a line for each prompt of a batch)");

    public GenerateCommand(CliConsole console)
        : base(console, CommandName, "Streams text as it is made.")
    {
        Arguments.Add(_prompt.Dash);
        AddGroup("Prompt", [.. _prompt.All, _prompts]);
        AddGroup("Length", [.. _generation.Length]);
        AddGroup("Sampling (none of these: the best token always)", [.. _generation.Sampling]);
        AddGroup("Beam search", _numBeams, _lengthPenalty, _earlyStopping, _numReturn);
        AddGroup("Cache", _cache, _window, _showBlocks);
        AddGroup("Model", [.. _model.All]);
        AddGroup("Output", _json);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv generate --prompt \"Once upon a time\" --temperature 0.8 --top-p 0.95", "a story"),
        ("echo -n \"The little dog\" | torchkv generate - --json", "a prompt from standard input, an answer for a program"),
        ("torchkv generate --prompt \"One day\" --num-beams 4 --num-return-sequences 2", "the two best of four beams"),
        ("torchkv generate --prompts prompts.jsonl --show-blocks", "a batch, and the blocks that it takes"),
        ("torchkv generate --prompts prompts.jsonl --json > answers.jsonl", "a batch of prompts of any lengths"),
    ];

    public override IReadOnlyList<string> Notes =>
    [
        "The text ends at an end-of-text id, at a stop text, after --max-new-tokens, or where the context is full. The prompt is taken exactly as it is, a newline at its end included.",
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = _generation.Read(parsed);
        var beams = ReadBeams(parsed, options);
        var cache = ReadCache(parsed);
        var request = _model.Read(parsed, parsed.GetValue(_cache) is { } kind ? $"--cache {kind}" : null);
        if (parsed.GetValue(_showBlocks))
        {
            if (request.Runner is RunnerKind.Torch || beams is not null)
            {
                throw new UsageException("--show-blocks shows the CPU runner's pool; leave out --cache, --runner torch, --device cuda and --num-beams.");
            }

            request = request with { Runner = RunnerKind.Cpu };
        }

        var (prompts, isBatch) = ReadPrompts(parsed);
        var json = parsed.GetValue(_json);

        var watch = Stopwatch.StartNew();
        var model = ModelLoader.Load(request, cache, Console, cancellationToken);
        await using (model.ConfigureAwait(false))
        {
            var ids = prompts.Select((prompt, row) => Prompts.Encode(model, prompt, isBatch ? $"prompt {row + 1}" : "the prompt")).ToList();
            if (options.Stop.Count > 0 && model.Tokenizer is null)
            {
                throw new TorchKvException($"--stop compares texts, but {request.Directory} has no tokenizer (vocab.json and merges.txt).");
            }

            var output = new GenerationOutput(Console, model, ids, isBatch, json, watch.Elapsed) { IsHeldBack = parsed.GetValue(_showBlocks) };
            if (beams is not null)
            {
                foreach (var row in Enumerable.Range(0, ids.Count))
                {
                    var start = Stopwatch.GetTimestamp();
                    var found = await model.BeamSearchAsync(ids[row], beams, cancellationToken).ConfigureAwait(false);
                    output.WriteBeams(row, found, Stopwatch.GetElapsedTime(start));
                }
            }
            else
            {
                using var drawing = parsed.GetValue(_showBlocks) && model is RunnerLanguageModel runner ? new PoolDrawing(Console, runner.Engine, ids) : null;
                await foreach (var piece in model.GenerateAsync(ids, options, cancellationToken).ConfigureAwait(false))
                {
                    output.Add(piece);
                    drawing?.Add(piece);
                }

                drawing?.Dispose();

                cancellationToken.ThrowIfCancellationRequested();
                output.Finish();
            }
        }

        return ExitCodes.Done;
    }

    private (IReadOnlyList<Prompt> Prompts, bool IsBatch) ReadPrompts(ParseResult parsed)
    {
        if (parsed.GetValue(_prompts) is not { } file)
        {
            return ([_prompt.Require(parsed, Console)], false);
        }

        return _prompt.Read(parsed, Console) is null
            ? (Prompts.ReadLines(file, Console), true)
            : throw new UsageException("--prompts brings its own prompts; leave out the other one.");
    }

    private CacheChoice ReadCache(ParseResult parsed)
    {
        var kind = parsed.GetValue(_cache) ?? CacheKinds.Static;
        var window = parsed.GetValue(_window);
        if (window is not null && kind != CacheKinds.SlidingWindow)
        {
            throw new UsageException($"--window goes with --cache {CacheKinds.SlidingWindow}.");
        }

        return window is null && kind == CacheKinds.SlidingWindow
            ? throw new UsageException($"--cache {CacheKinds.SlidingWindow} needs --window W: how many tokens it keeps.")
            : new CacheChoice(kind, window);
    }

    private BeamRequest? ReadBeams(ParseResult parsed, GenerationOptions options)
    {
        var beams = parsed.GetValue(_numBeams) ?? 1;
        var sequences = parsed.GetValue(_numReturn) ?? 1;
        if (sequences > beams)
        {
            throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"--num-return-sequences {sequences} needs --num-beams {sequences} or more (it is {beams})."));
        }

        if (beams == 1)
        {
            var stray = ((Option[])[_lengthPenalty, _earlyStopping]).FirstOrDefault(option => parsed.GetResult(option) is not null);
            return stray is null ? null : throw new UsageException($"{stray.Name} goes with --num-beams N, N at least 2.");
        }

        if (!options.IsGreedy)
        {
            throw new UsageException("beam search takes the best beams always; leave out --temperature and the other sampling options, or --num-beams.");
        }

        return options.Stop.Count > 0
            ? throw new UsageException("--stop is not served with --num-beams; --eos-token-id is.")
            : new BeamRequest(options, new BeamSearchOptions
            {
                NumBeams = beams,
                LengthPenalty = parsed.GetValue(_lengthPenalty) ?? 1,
                EarlyStopping = parsed.GetValue(_earlyStopping) is "true" ? EarlyStopping.WhenFull : EarlyStopping.Heuristic,
                NumReturnSequences = sequences,
            });
    }
}
