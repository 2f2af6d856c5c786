using System.CommandLine;
using System.Globalization;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Commands;

/// <summary>
/// The command <c>demo</c>, which <c>./run.sh</c> runs: shows a story while it is generated, then compares the time of
/// the same story with each kind of cache.
/// </summary>
internal sealed class DemoCommand : CliCommand
{
    public const string CommandName = "demo";

    private const string Opening = "Once upon a time, there was a little";
    private const int MaxNewTokens = 200;

    // A seed whose story reads well; the same text on every machine.
    private static readonly GenerationOptions s_options = new()
    {
        MaxNewTokens = MaxNewTokens,
        Temperature = 0.7f,
        TopP = 0.9f,
        Seed = 7,
    };

    private readonly ModelOptions _model = new();
    private readonly Option<bool> _json = Values.Flag("--json", "one JSON object, as compare writes it");

    public DemoCommand(CliConsole console)
        : base(console, CommandName, "A story, and what it costs without a cache and with each kind.")
    {
        Hidden = true;
        AddGroup("Model", [.. _model.All]);
        AddGroup("Output", _json);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples => [("torchkv demo", "the tour")];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var request = _model.Read(parsed);
        var json = parsed.GetValue(_json);
        var (opening, length) = await TellStoryAsync(
            request, json ? TextWriter.Null : Console.Out, cancellationToken).ConfigureAwait(false);
        await CompareAsync(request, opening, length, json, cancellationToken).ConfigureAwait(false);
        return ExitCodes.Done;
    }

    /// <summary>Shows a story.</summary>
    /// <returns>The ids of its opening, and how many tokens were generated.</returns>
    private async Task<(int[] Opening, int Length)> TellStoryAsync(
        ModelRequest request, TextWriter output, CancellationToken cancellationToken)
    {
        var style = Console.OutStyle;
        var model = await ModelLoader.LoadAsync(request, Console, cancellationToken).ConfigureAwait(false);
        await using (model.ConfigureAwait(false))
        {
            await output.WriteLineAsync(style.Dim(model.Description)).ConfigureAwait(false);
            await output.WriteLineAsync().ConfigureAwait(false);
            var wrap = new WordWrap(output, Math.Min(Console.Width, 80));
            wrap.Write(Opening);
            var ids = Prompts.Encode(new Prompt(Opening, null), "the opening", model.Tokenizer, model.Model);
            var length = 0;
            await foreach (var (_, piece) in model.GenerateAsync(
                [ids], s_options, cancellationToken).ConfigureAwait(false))
            {
                length += piece.TokenIds.Count;
                wrap.Write(piece.Text);
                await output.FlushAsync(cancellationToken).ConfigureAwait(false);
            }

            wrap.Finish();
            return (ids, length);
        }
    }

    private async Task CompareAsync(
        ModelRequest request, int[] opening, int length, bool json, CancellationToken cancellationToken)
    {
        var (output, style) = (json ? TextWriter.Null : Console.Out, Console.OutStyle);
        var comparisons = await CompareCommand.LoadAsync(request, Console, cancellationToken).ConfigureAwait(false);
        try
        {
            output.WriteLine();
            output.WriteLine(style.Bold("The same story without a cache and with each kind"));
            output.Flush();
            var variants = new List<VariantResult>();
            foreach (var comparison in comparisons)
            {
                IReadOnlyList<string> kinds = [.. comparison.Kinds.Intersect(
                    [CacheKinds.None, CacheKinds.Concat, CacheKinds.Static, CacheKinds.Paged])];
                variants.AddRange(
                    CompareCommand.Measure(Console, comparison, opening, length, s_options, kinds, cancellationToken));
            }

            if (json)
            {
                CompareOutput.WriteJson(Console, variants);
                return;
            }

            CompareOutput.WriteTable(Console, variants);
            Explain(output, variants);
        }
        finally
        {
            comparisons.ForEach(comparison => comparison.Dispose());
        }

        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{length} tokens. early, late: milliseconds a token at the beginning, at the end."));
        output.WriteLine("none, concat, static: the port on libtorch. paged: the CPU runner.");
        output.WriteLine();
        output.WriteLine("Next:");
        output.WriteLine($"  {style.Cyan("./run.sh generate --prompt \"One day, a cat\" --temperature 0.8")}");
        output.WriteLine($"  {style.Cyan("./run.sh compare --plot compare.svg")}");
        output.WriteLine($"  {style.Cyan("./run.sh --help")}");
        output.Flush();
    }

    /// <summary>Says what the table shows, where libtorch was there to run the model without a cache.</summary>
    private static void Explain(TextWriter output, IReadOnlyList<VariantResult> variants)
    {
        if (variants.FirstOrDefault(variant => variant.Cache == CacheKinds.None) is not { } none)
        {
            return;
        }

        var factor = none.LateMsPerToken / none.EarlyMsPerToken;
        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"Without a cache, all the text is computed again for each token: late ones take {factor:0.0} times"));
        output.WriteLine("as long as early ones. A cache keeps the text's keys and values: only the new token");
        output.WriteLine("is computed.");
        output.WriteLine();
    }
}
