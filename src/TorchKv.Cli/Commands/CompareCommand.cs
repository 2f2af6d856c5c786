using System.CommandLine;
using System.Globalization;
using System.Runtime.CompilerServices;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Files;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Commands;

/// <summary>
/// The command <c>compare</c>: generates from one prompt with each kind of cache, and shows the times, the sizes and
/// whether the texts are the same.
/// </summary>
internal sealed class CompareCommand : CliCommand
{
    public const string CommandName = "compare";

    // The article's start context, "Hello, I am", and where its tokens come from.
    internal const string ArticlePrompt = "Hello, I am";
    private const string ArticleVocabulary = "weights/gpt2-vocab";
    private const string DefaultPrompt = "Once upon a time, there was a little";

    private readonly PromptOptions _prompt = new();
    private readonly ModelOptions _model = new();
    private readonly Option<int?> _newTokens = Values.Integer(
        "--new-tokens", "N", 1, 1 << 24, "tokens to generate (200)");
    private readonly Option<bool> _article = Values.Flag(
        "--article", "the article's GPT-2 124M with random weights, and its prompt");
    private readonly Option<string?> _config = Values.Text(
        "--config", "FILE.json", "random weights for another configuration under the article's keys");
    private readonly Option<ulong?> _seed = Values.Seed("--seed", "the seed of random weights (123)");
    private readonly Option<string?> _plot = Values.OutputFile(
        "--plot", "FILE.svg", "draws the time per token against its position");
    private readonly Option<bool> _json = Values.Flag("--json", "one JSON object on standard output");

    public CompareCommand(CliConsole console)
        : base(console, CommandName, "The same prompt without a cache and with every kind of cache, side by side.")
    {
        Arguments.Add(_prompt.Dash);
        AddGroup("Prompt", [.. _prompt.All, _newTokens]);
        AddGroup("Random weights instead of a checkpoint", _article, _config, _seed);
        AddGroup("Output", _plot, _json);
        AddGroup("Model", [.. _model.All]);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv compare --plot compare.svg", "the default model, as a table and a drawing"),
        ("torchkv compare --article --seed 123", "what \"Understanding and Coding the KV Cache\" prints"),
        ("torchkv compare --config small.json --prompt-ids 1,2,3 --new-tokens 20", "a model of another shape"),
    ];

    public override IReadOnlyList<string> Notes =>
    [
        "Each step takes the best token. 'early' and 'late' are the median times of the first and last fifth of the "
        + "tokens, at most twenty of each; the first token is left out, since its time includes the prompt's. A "
        + "sliding window is as wide as kv_window_size says, or else as the context; a window that is narrower than "
        + "the text changes what the model sees. 'quantized' rounds keys and values to int8, so that its text may "
        + "differ from the others where two tokens are almost equally likely.",
        "--config reads vocab_size, context_length, emb_dim, n_heads, n_layers, drop_rate, qkv_bias and, optionally, "
        + "kv_window_size.",
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (article, config) = (parsed.GetValue(_article), parsed.GetValue(_config));
        if (article && config is not null)
        {
            throw new UsageException("--article has its own configuration; leave out --config.");
        }

        if (!article && config is null && parsed.GetValue(_seed) is not null)
        {
            throw new UsageException("--seed goes with --article or --config: a checkpoint's weights are not random.");
        }

        var random = article || config is not null;
        var request = _model.Read(parsed, article ? "--article" : config is not null ? "--config" : null);
        var prompt = _prompt.Read(parsed, Console);
        if (random)
        {
            Libtorch.ThrowIfMissing();
        }

        var comparisons = random
            ? [Random(config is null ? null : CliConsole.ReadFile(config), parsed.GetValue(_seed) ?? 123, request)]
            : await LoadAsync(request, Console, cancellationToken).ConfigureAwait(false);
        try
        {
            Run(parsed, request, random, comparisons, prompt, cancellationToken);
        }
        finally
        {
            comparisons.ForEach(comparison => comparison.Dispose());
        }

        return ExitCodes.Done;
    }

    /// <summary>
    /// Loads a checkpoint into the port and also into the CPU runner; where the command line names a runner, into that
    /// one only.
    /// </summary>
    internal static async Task<List<IComparison>> LoadAsync(
        ModelRequest request, CliConsole console, CancellationToken cancellationToken)
    {
        if (request.Runner is null && Libtorch.Problem is { } problem)
        {
            console.Warn($"{problem} The CPU runner alone is compared.");
            request = request with { Runner = RunnerKind.Cpu };
        }

        if (request.Runner is RunnerKind.Cpu)
        {
            return [await CpuAsync(beside: false).ConfigureAwait(false)];
        }

        var torch = await LoadTorchAsync(request, console, cancellationToken).ConfigureAwait(false);
        try
        {
            // Beside a GPU the CPU runner would compare machines, not caches; it has no float16
            return request.Runner is null && request.Dtype != "float16" && TorchFacts.CudaDevices() == 0
                ? [torch, await CpuAsync(beside: true).ConfigureAwait(false)]
                : [torch];
        }
        catch
        {
            torch.Dispose();
            throw;
        }

        async Task<IComparison> CpuAsync(bool beside)
        {
            var cpu = request with { Runner = RunnerKind.Cpu };
            return new RunnerComparison(
                await ModelLoader.LoadRunnerAsync(cpu, console, cancellationToken).ConfigureAwait(false), beside);
        }
    }

    // Not inlined: these name TorchSharp's types, and a comparison on the CPU runner has to work without
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<IComparison> LoadTorchAsync(
        ModelRequest request, CliConsole console, CancellationToken cancellationToken) =>
        new TorchComparison(await ModelLoader.LoadPortAsync(request, console, cancellationToken).ConfigureAwait(false));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static IComparison Random(string? config, ulong seed, ModelRequest request) =>
        new TorchComparison(PortModel.Random(config, seed, request));

    private void Run(
        ParseResult parsed,
        ModelRequest request,
        bool random,
        List<IComparison> comparisons,
        Prompt? prompt,
        CancellationToken cancellationToken)
    {
        var model = comparisons[0];
        var tokenizer = Tokenizer(request, random, model.VocabSize, out var problem);
        var said = prompt ?? new Prompt(random ? ArticlePrompt : DefaultPrompt, null);
        var ids = Ids(said, tokenizer, model.VocabSize, problem);
        var newTokens = parsed.GetValue(_newTokens) ?? 200;
        if (ids.Count + newTokens > model.ContextLength)
        {
            throw new ContextLengthException(ids.Count, newTokens, model.ContextLength);
        }

        var variants = new List<VariantResult>();
        foreach (var comparison in comparisons)
        {
            variants.AddRange(Measure(
                Console, comparison, ids, newTokens, new GenerationOptions(), comparison.Kinds, cancellationToken));
        }

        if (parsed.GetValue(_plot) is { } plot)
        {
            AtomicFile.WriteText(plot, CompareOutput.Svg(variants, model.Description));
        }

        if (parsed.GetValue(_json))
        {
            CompareOutput.WriteJson(Console, variants);
            return;
        }

        var style = Console.OutStyle;
        if (tokenizer is not null)
        {
            Console.Out.WriteLine(style.Dim(tokenizer.Decode(ids)) + tokenizer.Decode(variants[0].Ids.Skip(ids.Count)));
        }
        else
        {
            Console.Out.WriteLine(string.Join(' ', variants[0].Ids));
        }

        Console.Out.WriteLine();
        Console.Out.WriteLine(style.Dim(
            string.Create(CultureInfo.InvariantCulture, $"{ids.Count} tokens of prompt, {newTokens} new")));
        foreach (var comparison in comparisons)
        {
            Console.Out.WriteLine(style.Dim($"{string.Join(", ", comparison.Kinds)}: {comparison.Description}"));
        }

        CompareOutput.WriteTable(Console, variants);
    }

    internal static List<VariantResult> Measure(
        CliConsole console,
        IComparison comparison,
        IReadOnlyList<int> ids,
        int newTokens,
        GenerationOptions sampling,
        IReadOnlyList<string> kinds,
        CancellationToken cancellationToken)
    {
        // A few tokens unmeasured: threads, memory and compiled code are then there for the first kind as for the last.
        comparison.Run(kinds[^1], ids, Math.Min(4, newTokens), new GenerationOptions(), _ => { }, cancellationToken);
        var variants = new List<VariantResult>();
        foreach (var kind in kinds)
        {
            using var progress = new ProgressLine(console, kind.PadRight(CacheKinds.SlidingWindow.Length), newTokens);
            variants.Add(
                comparison.Run(kind, ids, newTokens, sampling, done => progress.Report(done), cancellationToken));
        }

        return variants;
    }

    private static Gpt2Tokenizer? Tokenizer(ModelRequest request, bool random, int vocabulary, out string? problem)
    {
        var tokenizer = ModelLoader.LoadTokenizer(random ? ArticleVocabulary : request.Directory, out problem);

        // GPT-2's ids mean nothing to a model with another vocabulary.
        return !random || tokenizer?.VocabSize == vocabulary ? tokenizer : null;
    }

    private static IReadOnlyList<int> Ids(Prompt prompt, Gpt2Tokenizer? tokenizer, int vocabulary, string? problem)
    {
        var ids = prompt.Ids
            ?? (tokenizer ?? throw Prompts.WithoutTokenizer("the prompt", "--prompt-ids", problem))
            .Encode(prompt.Text!);
        if (ids.Count == 0)
        {
            throw new TorchKvException("the prompt is empty; a text begins with at least one token.");
        }

        Prompts.CheckIds(ids, "the prompt", vocabulary);
        return ids;
    }
}
