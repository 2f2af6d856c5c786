using System.CommandLine;
using System.Globalization;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Commands;

/// <summary>
/// The command <c>logits</c>: shows a prompt's logits, or writes them to a file for a comparison with another
/// implementation.
/// </summary>
internal sealed class LogitsCommand : CliCommand
{
    public const string CommandName = "logits";

    private readonly PromptOptions _prompt = new();
    private readonly ModelOptions _model = new();
    private readonly Option<int[]?> _chunks = Values.Integers(
        "--chunks", "5,1,1,4", 1, "feeds the prompt in pieces of these lengths through one cache (one piece)");
    private readonly Option<string?> _output = Values.OutputFile(
        "--output", "FILE", "writes 'logits' (tokens, vocabulary), float32, as safetensors");
    private readonly Option<bool> _withCache = Values.Flag(
        "--with-cache", "writes also 'cache_k.L' and 'cache_v.L' (heads, tokens, head_dim)");
    private readonly Option<int?> _top = Values.Integer(
        "--top", "N", 1, 1_000_000, "shows the N best ids of the last position (10 where nothing is written)");
    private readonly Option<bool> _json = Values.Flag("--json", "one JSON object on standard output");

    public LogitsCommand(CliConsole console)
        : base(console, CommandName, "Logits of a prompt: the best next tokens, or every position's into a file.")
    {
        Arguments.Add(_prompt.Dash);
        AddGroup("Prompt", [.. _prompt.All, _chunks]);
        AddGroup("Output", _top, _output, _withCache, _json);
        AddGroup("Model", [.. _model.All]);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv logits --prompt \"Once upon a\" --top 5", "the five best next tokens"),
        (
            "torchkv logits --prompt-ids 1,2,3 --output logits.safetensors --with-cache",
            "logits and cache for a comparison"),
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var prompt = _prompt.Require(parsed, Console);
        var output = parsed.GetValue(_output);
        var withCache = parsed.GetValue(_withCache);
        if (withCache && output is null)
        {
            throw new UsageException("--with-cache goes with --output FILE.safetensors.");
        }

        var request = _model.Read(parsed);
        using var loaded = await ModelLoader.LoadRunnerAsync(request, Console, cancellationToken).ConfigureAwait(false);
        var tokenizer = ModelLoader.LoadTokenizer(request.Directory, out var problem);
        var ids = Prompts.Encode(prompt, "the prompt", tokenizer, loaded.Runner.Model, problem);
        var chunks = parsed.GetList(_chunks) ?? [ids.Length];
        var sum = chunks.Sum(length => (long)length);
        if (sum != ids.Length)
        {
            throw new UsageException(
                string.Create(
                    CultureInfo.InvariantCulture, $"--chunks sums to {sum}, but the prompt has {ids.Length} tokens."));
        }

        // Every position's logits are kept only where they are written
        var vocabulary = loaded.Runner.Model.VocabSize;
        var all = output is null ? [] : AllocateLogits(ids.Length, vocabulary);
        var last = new float[vocabulary];
        var feed = new SequenceFeed(loaded.Runner);
        foreach (var chunk in chunks)
        {
            feed.FeedAll(ids.AsMemory(feed.Position, chunk), Take, cancellationToken);
        }

        if (output is not null)
        {
            Write(output, all, ids.Length, vocabulary, withCache ? feed.ExportCache() : []);
        }

        if (parsed.GetValue(_json) || parsed.GetValue(_top) is not null || output is null)
        {
            Show(tokenizer, last, parsed.GetValue(_top) ?? 10, ids.Length, parsed.GetValue(_json));
        }

        return ExitCodes.Done;

        void Take(int position, ReadOnlySpan<float> logits)
        {
            NotFinite.ThrowIfIn(logits);
            if (all.Length > 0)
            {
                logits.CopyTo(all.AsSpan(position * vocabulary));
            }

            logits[^vocabulary..].CopyTo(last);
        }
    }

    /// <summary>
    /// The indices of the <paramref name="count"/> greatest values, best first; of equal ones the lower first, as
    /// torch.topk on the CPU has it.
    /// </summary>
    internal static int[] Best(ReadOnlySpan<float> values, int count)
    {
        var order = new int[values.Length];
        var keys = new float[values.Length];
        for (var i = 0; i < order.Length; i++)
        {
            (order[i], keys[i]) = (i, -values[i]);
        }

        // Introsort is not stable: equal values are put in order of their index afterwards.
        Array.Sort(keys, order);
        for (var start = 0; start < order.Length;)
        {
            var end = start + 1;
            while (end < order.Length && keys[end] == keys[start])
            {
                end++;
            }

            Array.Sort(order, start, end - start);
            start = end;
        }

        return order[..Math.Min(count, order.Length)];
    }

    private static float[] AllocateLogits(int tokens, int vocabulary)
    {
        var elements = (long)tokens * vocabulary;
        return elements <= Array.MaxLength
            ? new float[elements]
            : throw new TorchKvException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"logits of {tokens} tokens over {vocabulary} ids are {elements} numbers; --output takes at "
                    + $"most {Array.MaxLength}. Shorten the prompt."));
    }

    private static void Write(string path, float[] logits, int tokens, int vocabulary, IEnumerable<CacheTensor> cache)
    {
        var tensors = cache.Prepend(new CacheTensor("logits", [tokens, vocabulary], logits));
        SafetensorsWriter.Write(
            path,
            tensors.Select(tensor => TensorSource.FromSingles(tensor.Name, [.. tensor.Shape], tensor.Values)),
            new Dictionary<string, string> { ["format"] = "pt" });
    }

    private void Show(Gpt2Tokenizer? tokenizer, float[] logits, int count, int tokens, bool json)
    {
        var best = Best(logits, count);
        if (json)
        {
            Console.WriteJson(writer =>
            {
                writer.WriteStartArray("top");
                foreach (var id in best)
                {
                    writer.WriteStartObject();
                    writer.WriteNumber("id", id);
                    writer.WriteNumber("logit", logits[id]);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
                writer.WriteNumber("tokens", tokens);
            });
            return;
        }

        var max = best.Length > 0 ? logits[best[0]] : 0;
        var sum = logits.Sum(logit => Math.Exp(logit - max));
        foreach (var id in best)
        {
            var probability = Math.Exp(logits[id] - max) / sum;
            var text = tokenizer is null ? "" : "  " + Quote(tokenizer.Decode([id]));
            Console.Out.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture, $"{id,8} {logits[id],12:F6} {probability * 100,7:F2} %{text}"));
        }

        Console.Out.Flush();
    }

    private static string Quote(string text) => '"' + text
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal)
        .Replace("\r", "\\r", StringComparison.Ordinal)
        .Replace("\t", "\\t", StringComparison.Ordinal) + '"';
}
