using System.Globalization;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Benchmarks;

/// <summary>
/// <c>formula FOLDER [--layers N] [--width N] [--heads N] [--inner N] [--context N] [--vocab N] [--untied] [--dtype float32|float16|bfloat16]
/// [--shard-mb N]</c>: a checkpoint by the formula, of any shape; GPT-2 124M where nothing is said.
/// </summary>
internal static class FormulaOptions
{
    public static int Write(string folder, string[] arguments)
    {
        var config = new Gpt2Config();
        var dtype = TensorDType.Float32;
        var shard = CheckpointWriter.DefaultShardBytes;
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--untied")
            {
                config = config with { TieWordEmbeddings = false };
                continue;
            }

            var value = i + 1 < arguments.Length ? arguments[i + 1] : "";
            var isNumber = int.TryParse(value, CultureInfo.InvariantCulture, out var number);
            switch (arguments[i])
            {
                case "--layers" when isNumber:
                    config = config with { LayerCount = number };
                    break;
                case "--width" when isNumber:
                    config = config with { EmbeddingSize = number };
                    break;
                case "--heads" when isNumber:
                    config = config with { HeadCount = number };
                    break;
                case "--inner" when isNumber:
                    config = config with { InnerSize = number };
                    break;
                case "--context" when isNumber:
                    config = config with { ContextLength = number };
                    break;
                case "--vocab" when isNumber:
                    config = config with { VocabSize = number };
                    break;
                case "--shard-mb" when isNumber:
                    shard = number * 1_000_000L;
                    break;
                case "--dtype" when value is "float32" or "float16" or "bfloat16":
                    dtype = Enum.Parse<TensorDType>(value, ignoreCase: true);
                    break;
                default:
                    Console.Error.WriteLine($"formula: '{arguments[i]} {value}' is no option; there are --layers, --width, --heads, --inner, --context, --vocab, --untied, --dtype float32|float16|bfloat16, --shard-mb.");
                    return 2;
            }

            i++;
        }

        // Ids that a smaller vocabulary does not have end no text.
        config = config with
        {
            BosTokenId = config.BosTokenId < config.VocabSize ? config.BosTokenId : null,
            EosTokenIds = [.. config.EosTokenIds.Where(id => id < config.VocabSize)],
        };
        try
        {
            FormulaCheckpoint.Write(folder, config, dtype, shard);
            return 0;
        }
        catch (TorchKvException error)
        {
            Console.Error.WriteLine($"formula: {error.Message}");
            return 1;
        }
    }
}
