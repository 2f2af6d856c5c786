using System.CommandLine;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Commands;

/// <summary>
/// The command <c>generate</c>: generates text from prompts, with the engine, or with <c>--cache</c> with the port's
/// own loop.
/// </summary>
internal sealed class GenerateCommand : CliCommand
{
    public const string CommandName = "generate";

    private readonly PromptOptions _prompt = new();
    private readonly ModelOptions _model = new();
    private readonly PoolOptions _pool = new();
    private readonly GenerationOptionSet _generation = new();
    private readonly ConstraintOptionSet _constraint = new();
    private readonly EngineOptionSet _engine = new();
    private readonly Option<string?> _prompts = Values.Text(
        "--prompts", "FILE.jsonl", "a batch: a line is {\"prompt\": …} or {\"prompt_ids\": […]}");
    private readonly Option<string?> _cache = Values.OneOf(
        "--cache",
        CacheKinds.Names,
        "the port's own loop with this cache, instead of the engine; implies --runner torch");
    private readonly Option<int?> _window = Values.Integer(
        "--window", "W", 1, 1 << 24, "tokens that --cache sliding-window keeps");
    private readonly Option<bool> _showBlocks = Values.Flag(
        "--show-blocks", "draws the engine's pool of KV blocks while the prompts run");
    private readonly Option<bool> _json = Values.Flag("--json", "one JSON object (a line for each prompt of a batch)");

    public GenerateCommand(CliConsole console)
        : base(console, CommandName, "Streams text as it is made.")
    {
        Arguments.Add(_prompt.Dash);
        AddGroup("Prompt", [.. _prompt.All, _prompts]);
        AddGroup("Length", [.. _generation.Length]);
        AddGroup("Sampling (none of these: the best token always)", [.. _generation.Sampling, .. _engine.Samples]);
        AddGroup("Form of the answer (one of these)", [.. _constraint.All]);
        AddGroup("Beam search", [.. _engine.Beams]);
        AddGroup("Cache", [.. _pool.All, _showBlocks, _cache, _window]);
        AddGroup("Scheduling", [.. _engine.Scheduling]);
        AddGroup("Model", [.. _model.All]);
        AddGroup("Output", _json);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv generate --prompt \"Once upon a time\" --temperature 0.8 --top-p 0.95", "a story"),
        ("echo -n \"The little dog\" | torchkv generate - --json", "a prompt from standard input, JSON for a program"),
        ("torchkv generate --prompt \"One day\" --n 3 --temperature 0.9", "three samples"),
        ("torchkv generate --prompt \"One day\" --num-beams 4 --num-return-sequences 2", "the two best of four beams"),
        ("torchkv generate --prompt \"The dog is\" --choice \" big\" --choice \" small\"", "one of two answers"),
        ("torchkv generate --prompts prompts.jsonl --show-blocks", "a batch, and the blocks that it takes"),
        ("torchkv generate --prompts prompts.jsonl --json > answers.jsonl", "a batch of prompts of any lengths"),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var json = parsed.GetValue(_json);
        var options = _engine.Read(
            parsed, _generation.Read(parsed) with { Constraint = _constraint.Read(parsed) }, json);
        var cache = ReadCache(parsed);
        var request = _model.Read(
            parsed, cache is null ? null : $"--cache {cache.Kind}") with
        { Pool = _pool.Read(parsed) };
        var (prompts, isBatch) = ReadPrompts(parsed);
        var work = new Work(
            prompts,
            isBatch,
            options,
            json,
            parsed.GetValue(_showBlocks),
            _engine.Echoes(parsed),
            Stopwatch.GetTimestamp());
        await (cache is null ? UseEngineAsync(request, work, cancellationToken) : UsePortAsync(
            request, cache, work, cancellationToken))
            .ConfigureAwait(false);
        return ExitCodes.Done;
    }

    private async Task UseEngineAsync(ModelRequest request, Work work, CancellationToken cancellationToken)
    {
        var model = await ModelLoader.LoadAsync(request, Console, cancellationToken).ConfigureAwait(false);
        await using (model.ConfigureAwait(false))
        {
            var ids = Encode(work, request, model.Tokenizer, model.TokenizerProblem, model.Model);
            var output = Output(work, ids, model.Tokenizer, model.Description);
            var answers = work.Options.Beams?.NumReturnSequences ?? work.Options.Samples;
            using (var drawing = work.ShowBlocks ? new PoolDrawing(Console, model.Engine, ids, answers) : null)
            {
                await foreach (var piece in model.GenerateAsync(
                    ids, work.Options, cancellationToken).ConfigureAwait(false))
                {
                    output.Add(piece);
                    drawing?.Add(piece.Prompt, piece.Piece);
                }
            }

            cancellationToken.ThrowIfCancellationRequested();
            output.Finish(await model.ReadCacheAsync().ConfigureAwait(false));
        }
    }

    // Not inlined: it names types of TorchSharp's, and the CPU runner has to work without
    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task UsePortAsync(
        ModelRequest request, CacheChoice cache, Work work, CancellationToken cancellationToken)
    {
        PortGeneration.Check(work.Options);
        using var port = await ModelLoader.LoadPortAsync(request, Console, cancellationToken).ConfigureAwait(false);
        var tokenizer = ModelLoader.LoadTokenizer(request.Directory, out var problem);
        var ids = Encode(work, request, tokenizer, problem, port.Shape);
        var output = Output(work, ids, tokenizer, port.Description);
        output.Finish(PortGeneration.Run(port, cache, ids, work.Options, tokenizer, output.Add, cancellationToken));
    }

    private static List<int[]> Encode(
        Work work, ModelRequest request, Gpt2Tokenizer? tokenizer, string? problem, ModelShape model)
    {
        var ids = work.Prompts
            .Select(
                (prompt, i) => Prompts.Encode(
                    prompt, work.IsBatch ? $"prompt {i + 1}" : "the prompt", tokenizer, model, problem))
            .ToList();
        if (tokenizer is not null)
        {
            return ids;
        }

        var needs = work.Options.Stop.Count > 0 ? "--stop compares texts"
            : work.Options.BadWords.Count > 0 ? "--bad-words takes texts"
            : work.Echoes ? "--echo shows texts"
            : null;
        return needs is null
            ? ids
            : throw new TorchKvException(
                $"{needs}, but {request.Directory} has no tokenizer (vocab.json and merges.txt).");
    }

    private GenerationOutput Output(Work work, List<int[]> ids, Gpt2Tokenizer? tokenizer, string description) => new(
        Console,
        tokenizer,
        description,
        ids,
        new GenerationFormat(work.IsBatch, work.IsJson, work.ShowBlocks, work.Echoes, work.Options),
        Stopwatch.GetElapsedTime(work.Started));

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

    private CacheChoice? ReadCache(ParseResult parsed)
    {
        var kind = parsed.GetValue(_cache);
        var window = parsed.GetValue(_window);
        if (window is not null && kind != CacheKinds.SlidingWindow)
        {
            throw new UsageException($"--window goes with --cache {CacheKinds.SlidingWindow}.");
        }

        if (kind is null)
        {
            return null;
        }

        if (window is null && kind == CacheKinds.SlidingWindow)
        {
            throw new UsageException($"--cache {CacheKinds.SlidingWindow} needs --window W: how many tokens it keeps.");
        }

        var engines = _engine.Given(parsed) ?? _pool.Given(parsed) ?? _constraint.Given(parsed);
        engines ??= parsed.GetValue(_showBlocks) ? _showBlocks.Name : null;
        return engines is null
            ? new CacheChoice(kind, window)
            : throw new UsageException(
                $"{engines} is served by the engine, not by the port's own loop; leave out --cache {kind}.");
    }

    /// <summary>The prompts and how to answer them.</summary>
    private sealed record Work(
        IReadOnlyList<Prompt> Prompts,
        bool IsBatch,
        GenerationOptions Options,
        bool IsJson,
        bool ShowBlocks,
        bool Echoes,
        long Started);
}
