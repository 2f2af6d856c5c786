using System.CommandLine;
using System.Globalization;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Configuration;

namespace TorchKv.Cli.Commands;

/// <summary>
/// The command <c>plan</c>: computes how much memory a KV cache takes, how much computation it saves, and how many
/// tokens fit.
/// </summary>
internal sealed class PlanCommand : CliCommand
{
    public const string CommandName = "plan";

    private static readonly (string Name, int Bits)[] s_dtypes =
        [("float32", 32), ("bfloat16", 16), ("float16", 16), ("int8", 8), ("int4", 4)];

    private readonly Option<int?> _layers = Values.Integer("--layers", "N", 1, 1_000_000, "transformer blocks");
    private readonly Option<int?> _heads = Values.Integer(
        "--heads", "N", 1, 1_000_000, "heads per layer that have keys and values");
    private readonly Option<int?> _headDim = Values.Integer("--head-dim", "N", 1, 1_000_000, "width of one head");
    private readonly Option<long?> _tokens = Values.Count(
        "--tokens", "N", 1_000_000_000_000, "tokens per sequence (with --model: its context)");
    private readonly Option<long?> _batch = Values.Count("--batch", "N", 1_000_000_000, "sequences (1)");
    private readonly Option<string?> _dtype = Values.OneOf(
        "--dtype", [.. s_dtypes.Select(dtype => dtype.Name)], "what an element is stored as (float32)");
    private readonly Option<string?> _model = Values.Folder(
        "--model", "DIR", "takes the shape from a model's config.json");
    private readonly Option<long?> _promptTokens = Values.Count(
        "--prompt-tokens", "P", 1_000_000_000, "the prompt's tokens, for the count of computations");
    private readonly Option<long?> _newTokens = Values.Count(
        "--new-tokens", "N", 1_000_000_000, "tokens generated, one pass each");
    private readonly Option<long?> _memory = Values.Bytes(
        "--memory", "says the largest batch and context whose cache fits");
    private readonly Option<bool> _json = Values.Flag("--json", "one JSON object on standard output");

    public PlanCommand(CliConsole console)
        : base(
            console,
            CommandName,
            "Cache arithmetic: elements and bytes, what fits, and how many K/V computations a cache saves.")
    {
        AddGroup("Shape", _layers, _heads, _headDim, _model);
        AddGroup("Cache", _tokens, _batch, _dtype, _memory);
        AddGroup("Computations", _promptTokens, _newTokens);
        AddGroup("Output", _json);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv plan --layers 12 --heads 12 --head-dim 64 --tokens 1024", "the cache of GPT-2 124M"),
        ("torchkv plan --model weights/storyteller --memory 24GiB", "what fits beside a model"),
        ("torchkv plan --prompt-tokens 2 --new-tokens 99", "what a cache saves for 100 tokens"),
    ];

    public override IReadOnlyList<string> Notes =>
    [
        "Cache size = 2 · layers · heads · head_dim · tokens · batch · bytes per element; the 2 is keys and values. "
        + "Scales of quantized kinds and weights are not counted.",
        "Without a cache pass i computes the keys and values of all its tokens again: Σ t for t = P … P + N − 1. "
        + "With one, the prompt once and then each new token but the last: P + N − 1. For 100 tokens from a prompt "
        + "of 2 (99 passes, the last for the 101st token) that is 5,049 against 100. An article prints 101 for the "
        + "latter: it adds the 99 passes to the prompt's 2, though the first pass is the prompt's own.",
    ];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (prompt, fresh) = (parsed.GetValue(_promptTokens), parsed.GetValue(_newTokens));
        if (prompt is null != fresh is null)
        {
            throw new UsageException("--prompt-tokens and --new-tokens go together.");
        }

        var shape = Shape(parsed, out var config);
        if (shape is null && prompt is null)
        {
            throw new UsageException(
                "plan needs a shape (--layers, --heads, --head-dim and --tokens, or --model DIR), or "
                + "--prompt-tokens and --new-tokens.");
        }

        var tokens = parsed.GetValue(_tokens) ?? config?.ContextLength ?? (prompt + fresh - 1);
        if (shape is not null && tokens is null)
        {
            throw new UsageException("--tokens is missing: how many tokens each sequence is to hold.");
        }

        if (shape is null && (parsed.GetValue(_memory) ?? parsed.GetValue(_tokens)) is not null)
        {
            throw new UsageException(
                "--tokens and --memory need a shape: --layers, --heads and --head-dim, or --model DIR.");
        }

        var plan = new Plan(
            shape,
            parsed.GetValue(_dtype) ?? "float32",
            tokens ?? 0,
            parsed.GetValue(_batch) ?? 1,
            parsed.GetValue(_memory),
            prompt,
            fresh);
        try
        {
            Write(plan, parsed.GetValue(_json));
        }
        catch (OverflowException)
        {
            throw new UsageException("these sizes multiply to more than 2^63 − 1; take smaller ones.");
        }

        return Task.FromResult(ExitCodes.Done);
    }

    private CacheMemory? Shape(ParseResult parsed, out Gpt2Config? config)
    {
        config = null;
        var bits = s_dtypes.First(dtype => dtype.Name == (parsed.GetValue(_dtype) ?? "float32")).Bits;
        var (layers, heads, headDim) = (parsed.GetValue(_layers), parsed.GetValue(_heads), parsed.GetValue(_headDim));
        var model = parsed.GetValue(_model);
        if (model is not null)
        {
            if (layers is not null || heads is not null || headDim is not null)
            {
                throw new UsageException("--model brings the shape; leave out --layers, --heads and --head-dim.");
            }

            config = Gpt2Config.Load(model);
            return new CacheMemory(config, bits);
        }

        if (layers is null && heads is null && headDim is null)
        {
            return null;
        }

        return new CacheMemory(
            layers ?? throw new UsageException("--layers is missing."),
            heads ?? throw new UsageException("--heads is missing."),
            headDim ?? throw new UsageException("--head-dim is missing."),
            bits);
    }

    private void Write(Plan plan, bool json)
    {
        if (json)
        {
            Console.WriteJson(writer =>
            {
                if (plan.Shape is { } shape)
                {
                    writer.WriteNumber("elements", shape.Elements(plan.Tokens, plan.Batch));
                    writer.WriteNumber("bytes", shape.Bytes(plan.Tokens, plan.Batch));
                }
                else
                {
                    writer.WriteNull("elements");
                    writer.WriteNull("bytes");
                }

                if (plan.PromptTokens is { } prompt && plan.NewTokens is { } fresh)
                {
                    writer.WriteStartObject("computations");
                    writer.WriteNumber("without_cache", CacheMemory.ComputationsWithoutCache(prompt, fresh));
                    writer.WriteNumber("with_cache", CacheMemory.ComputationsWithCache(prompt, fresh));
                    writer.WriteEndObject();
                }
                else
                {
                    writer.WriteNull("computations");
                }

                if (plan is { Shape: { } fits, Memory: { } memory })
                {
                    writer.WriteStartObject("fits");
                    writer.WriteNumber("memory", memory);
                    writer.WriteNumber("batch", fits.LargestBatch(memory, plan.Tokens));
                    writer.WriteNumber("context", fits.LargestContext(memory, plan.Batch));
                    writer.WriteEndObject();
                }
            });
            return;
        }

        var (output, style) = (Console.Out, Console.OutStyle);
        if (plan.Shape is { } cache)
        {
            var elements = cache.Elements(plan.Tokens, plan.Batch);
            var bytes = cache.Bytes(plan.Tokens, plan.Batch);
            var each = cache.BitsPerElement % 8 == 0 ? $"{cache.BitsPerElement / 8}" : "½";
            output.WriteLine(style.Bold("Cache"));
            output.WriteLine("  2 · layers · heads · head_dim · tokens · batch · bytes per element");
            output.WriteLine(
                $"  2 · {N(cache.Layers)} · {N(cache.Heads)} · {N(cache.HeadDim)} · {N(plan.Tokens)} · "
                + $"{N(plan.Batch)} · {each} ({plan.Dtype})");
            output.WriteLine($"  = {N(elements)} elements ({G(elements)})");
            output.WriteLine($"  = {N(bytes)} bytes ({style.Cyan(ByteSize.Format(bytes))}, {G(bytes)}B)");
            output.WriteLine(
                $"  {ByteSize.Format(cache.Bytes(1))} a token, {ByteSize.Format(cache.Bytes(plan.Tokens))} a "
                + $"sequence of {N(plan.Tokens)}");
            if (plan.Memory is { } memory)
            {
                output.WriteLine();
                output.WriteLine(style.Bold($"What fits in {ByteSize.Format(memory)}, for the cache alone"));
                output.WriteLine(
                    $"  batch    {N(cache.LargestBatch(memory, plan.Tokens))} sequences of {N(plan.Tokens)} tokens");
                output.WriteLine(
                    $"  context  {N(cache.LargestContext(memory, plan.Batch))} tokens in each of {N(plan.Batch)} "
                    + $"{(plan.Batch == 1 ? "sequence" : "sequences")}");
            }
        }

        if (plan.PromptTokens is { } p && plan.NewTokens is { } n)
        {
            var without = CacheMemory.ComputationsWithoutCache(p, n);
            var with = CacheMemory.ComputationsWithCache(p, n);
            if (plan.Shape is not null)
            {
                output.WriteLine();
            }

            output.WriteLine(style.Bold($"K/V computations per layer, prompt of {N(p)}, {N(n)} new tokens"));
            output.WriteLine($"  without a cache  Σ t for t = {N(p)} … {N(p + n - 1)} = {N(without)}");
            output.WriteLine($"  with a cache     {N(p)} + {N(n - 1)} = {N(with)}");
            output.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"  saved            {(double)without / with:F1} ×"));
        }
    }

    private static string N(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string G(double value)
    {
        var (scaled, unit) = value switch
        {
            >= 1e12 => (value / 1e12, " T"),
            >= 1e9 => (value / 1e9, " G"),
            >= 1e6 => (value / 1e6, " M"),
            >= 1e3 => (value / 1e3, " K"),
            _ => (value, " "),
        };
        return scaled.ToString("0.##", CultureInfo.InvariantCulture) + unit;
    }

    private sealed record Plan(
        CacheMemory? Shape, string Dtype, long Tokens, long Batch, long? Memory, long? PromptTokens, long? NewTokens);
}
