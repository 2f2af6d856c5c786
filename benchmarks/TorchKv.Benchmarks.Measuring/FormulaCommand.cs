using System.CommandLine;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Testing;

namespace TorchKv.Benchmarks.Measuring;

/// <summary><c>formula FOLDER</c>: a checkpoint of any shape with weights by a formula.</summary>
internal sealed class FormulaCommand : Command
{
    private static readonly Gpt2Config s_gpt2 = new();

    private readonly Argument<string> _folder = new("FOLDER") { Description = "where it is written" };
    private readonly Option<int> _layers = BenchOption.Number(
        "--layers", 1, 1000, s_gpt2.LayerCount, "transformer blocks");
    private readonly Option<int> _width = BenchOption.Number(
        "--width", 1, 100_000, s_gpt2.EmbeddingSize, "width of the embeddings");
    private readonly Option<int> _heads = BenchOption.Number(
        "--heads", 1, 10_000, s_gpt2.HeadCount, "heads of attention");
    private readonly Option<int> _inner = BenchOption.Number(
        "--inner", 0, 1_000_000, 0, "width inside the feed-forward layer, 0: four times the width");
    private readonly Option<int> _context = BenchOption.Number(
        "--context", 1, 1_000_000, s_gpt2.ContextLength, "positions");
    private readonly Option<int> _vocabulary = BenchOption.Number("--vocab", 1, 10_000_000, s_gpt2.VocabSize, "ids");
    private readonly Option<bool> _untied = new("--untied") { Description = "the output head has weights of its own" };
    private readonly Option<string> _dtype = new("--dtype")
    {
        Description = "float32, float16 or bfloat16",
        DefaultValueFactory = _ => "float32",
    };
    private readonly Option<int> _shard = BenchOption.Number(
        "--shard-mb", 1, 1_000_000, (int)(CheckpointWriter.DefaultShardBytes / 1_000_000), "a shard's megabytes");

    public FormulaCommand()
        : base("formula", "Writes a checkpoint with weights by a formula; GPT-2 124M where no option is given.")
    {
        Arguments.Add(_folder);
        foreach (var option in
            (Option[])[_layers, _width, _heads, _inner, _context, _vocabulary, _untied, _dtype, _shard])
        {
            Options.Add(option);
        }

        _dtype.AcceptOnlyFromAmong("float32", "float16", "bfloat16");
        SetAction(parsed => Write(parsed));
    }

    private int Write(ParseResult parsed)
    {
        var vocabulary = parsed.GetValue(_vocabulary);
        var config = s_gpt2 with
        {
            LayerCount = parsed.GetValue(_layers),
            EmbeddingSize = parsed.GetValue(_width),
            HeadCount = parsed.GetValue(_heads),
            ContextLength = parsed.GetValue(_context),
            VocabSize = vocabulary,
            TieWordEmbeddings = !parsed.GetValue(_untied),

            // Ids that a smaller vocabulary does not have end no text.
            BosTokenId = s_gpt2.BosTokenId < vocabulary ? s_gpt2.BosTokenId : null,
            EosTokenIds = [.. s_gpt2.EosTokenIds.Where(id => id < vocabulary)],
        };
        if (parsed.GetValue(_inner) is > 0 and var inner)
        {
            config = config with { InnerSize = inner };
        }

        var dtype = Enum.Parse<TensorDType>(parsed.GetValue(_dtype)!, ignoreCase: true);
        FormulaCheckpoint.Write(parsed.GetValue(_folder)!, config, dtype, parsed.GetValue(_shard) * 1_000_000L);
        return 0;
    }
}
