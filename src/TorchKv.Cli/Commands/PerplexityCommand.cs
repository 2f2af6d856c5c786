using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Commands;

/// <summary>
/// The command <c>perplexity</c>: computes how well a model predicts a text, as the mean negative log-likelihood of its
/// tokens, in the way of HuggingFace's guide on perplexity.
/// </summary>
internal sealed class PerplexityCommand : CliCommand
{
    public const string CommandName = "perplexity";

    /// <summary>The most tokens of a text: about a gigabyte of text.</summary>
    private const int MaxTokens = 1 << 28;

    private readonly Option<string?> _file = Values.Text(
        "--file", "TEXT", "a UTF-8 text ('-': standard input); <|endoftext|> in it counts as one token");
    private readonly Option<string?> _idsFile = Values.Text("--ids-file", "JSON", "a JSON array of token ids");
    private readonly Option<int?> _stride = Values.Integer(
        "--stride", "S", 1, 1 << 24, "tokens from one window to the next (the context length)");
    private readonly ModelOptions _model = new();
    private readonly Option<bool> _json = Values.Flag("--json", "one JSON object on standard output");

    public PerplexityCommand(CliConsole console)
        : base(console, CommandName, "Mean negative log-likelihood and perplexity of a text.")
    {
        AddGroup("Text", _file, _idsFile, _stride);
        AddGroup("Model", [.. _model.All]);
        AddGroup("Output", _json);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv perplexity --file tests/fixtures/storyteller/heldout.txt", "windows side by side"),
        ("torchkv perplexity --file story.txt --stride 256 --json", "each token with at least 256 before it"),
    ];

    public override IReadOnlyList<string> Notes =>
    [
        "Windows have the context's length and begin every S tokens; each token is scored once, in the first window "
        + "that reaches it, and a window's first token not at all. A smaller stride gives each token more context "
        + "and takes longer. The logarithm is the natural one; the mean is over the scored tokens.",
    ];

    /// <summary>
    /// Cuts <paramref name="tokens"/> tokens into windows. Each has a start, a length, and the first of its tokens that
    /// it scores.
    /// </summary>
    internal static IEnumerable<(int Start, int Length, int First)> Windows(int tokens, int context, int stride)
    {
        var scoredTo = 0;
        for (var start = 0; start < tokens; start += stride)
        {
            var end = (int)Math.Min((long)start + context, tokens);
            var first = Math.Max(1, scoredTo - start);
            if (first < end - start)
            {
                yield return (start, end - start, first);
            }

            scoredTo = end;
            if (end == tokens)
            {
                yield break;
            }
        }
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (file, idsFile) = (parsed.GetValue(_file), parsed.GetValue(_idsFile));
        if (file is null == idsFile is null)
        {
            throw new UsageException("one text, please: --file TEXT or --ids-file JSON.");
        }

        var text = file switch { null => null, "-" => Console.ReadAllInput(), _ => CliConsole.ReadFile(file) };
        var ids = idsFile is null ? null : ReadIds(idsFile);
        var model = await ModelLoader.LoadAsync(_model.Read(parsed), Console, cancellationToken).ConfigureAwait(false);
        await using (model.ConfigureAwait(false))
        {
            var name = (file ?? idsFile)!;
            int[] tokens = ids
                ?? [.. (model.Tokenizer ?? throw Prompts.WithoutTokenizer(name, "--ids-file", model.TokenizerProblem))
                    .Encode(text!)];
            Prompts.CheckIds(tokens, name, model.Model.VocabSize);
            var context = model.Model.ContextLength;
            var stride = parsed.GetValue(_stride) ?? context;
            if (stride > context)
            {
                throw new UsageException($"--stride {stride} would pass over tokens: the context holds {context}.");
            }

            var windows = Windows(tokens.Length, context, stride).ToList();
            if (windows.Count == 0)
            {
                throw new TorchKvException(
                    $"{name} has {tokens.Length} token{(tokens.Length == 1 ? "" : "s")}; it takes two at "
                    + "least to score one.");
            }

            var (sum, scored) = await ScoreAsync(model, tokens, windows, cancellationToken).ConfigureAwait(false);
            Show(sum / scored, scored, parsed.GetValue(_json));
        }

        return ExitCodes.Done;
    }

    private static int[] ReadIds(string file)
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(CliConsole.ReadFile(file)));
        var ids = new List<int>();
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartArray)
            {
                throw new TorchKvException($"{file} has to be a JSON array of token ids.");
            }

            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType != JsonTokenType.Number
                    || !reader.TryGetInt32(out var id)
                    || ids.Count == MaxTokens)
                {
                    throw new TorchKvException(
                        $"{file} has to be a JSON array of at most {MaxTokens} token ids; element "
                        + $"{ids.Count} is not one.");
                }

                ids.Add(id);
            }

            reader.Read();
        }
        catch (JsonException notJson)
        {
            throw new TorchKvException($"{file} is not JSON: {notJson.Message.Split('.')[0]}.", notJson);
        }

        return [.. ids];
    }

    private async Task<(double Sum, long Scored)> ScoreAsync(
        LoadedModel model,
        int[] tokens,
        List<(int Start, int Length, int First)> windows,
        CancellationToken cancellationToken)
    {
        // A window is a request for the log-probabilities of its prompt; no two windows can share what they compute
        var options = new GenerationOptions { MaxNewTokens = 0, PromptLogProbs = true };
        var (sum, scored) = (0.0, 0L);
        using var progress = new ProgressLine(Console, "perplexity", windows.Count);
        for (var window = 0; window < windows.Count; window++)
        {
            var (start, length, first) = windows[window];
            var ids = new ArraySegment<int>(tokens, start, length);
            await foreach (var piece in model.Engine.GenerateAsync(
                ids, options, cancellationToken).ConfigureAwait(false))
            {
                // The first score is that of the window's second token
                sum -= piece.PromptLogProbs?.Skip(first - 1).Sum(token => (double)token.LogProbability) ?? 0;
            }

            scored += length - first;
            progress.Report(
                window + 1,
                string.Create(CultureInfo.InvariantCulture, $"perplexity so far {Math.Exp(sum / scored):F3}"));
        }

        return (sum, scored);
    }

    private void Show(double nll, long scored, bool json)
    {
        if (!double.IsFinite(nll))
        {
            throw NotFinite.Error();
        }

        if (json)
        {
            Console.WriteJson(writer =>
            {
                writer.WriteNumber("nll", nll);
                writer.WriteNumber("perplexity", Math.Exp(nll));
                writer.WriteNumber("tokens", scored);
            });
            return;
        }

        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"nll         {nll:F6} nats a token"));
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"perplexity  {Math.Exp(nll):F4}"));
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"tokens      {scored:N0} scored"));
        Console.Out.Flush();
    }
}
