using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Running;

/// <summary>The device, the dtypes and the memory of a <see cref="TorchRunner"/>. Immutable.</summary>
public sealed record TorchRunnerOptions
{
    private const int MostBlocks = 1 << 24;
    private const int MostTokensPerStep = 65_536;

    /// <summary>Where weights, keys and values lie; null: on the CPU.</summary>
    public Device? Device { get; init; }

    /// <summary>The dtype of the weights, whatever the checkpoint's; null: float32.</summary>
    public ScalarType? DType { get; init; }

    /// <summary>The dtype of keys and values; null: the weights'.</summary>
    public ScalarType? KvDType { get; init; }

    /// <summary>Blocks of 16 tokens in the pool; 0: as many as eight sequences of the full context take.</summary>
    public int BlockCount { get; init; }

    /// <summary>
    /// The pool's size in bytes instead of blocks: as many blocks as fit. Null: <see cref="BlockCount"/> decides.
    /// </summary>
    public long? PoolBytes { get; init; }

    /// <summary>The most tokens of one step, over all rows: 1 to 65,536.</summary>
    public int MaxTokensPerStep { get; init; } = 2048;

    /// <summary>How many blocks the pool has for a model.</summary>
    /// <exception cref="OptionException"><see cref="PoolBytes"/> is less than a block takes.</exception>
    internal int BlocksFor(Gpt2Config config)
    {
        if (PoolBytes is not { } bytes)
        {
            return BlockCount > 0
                ? BlockCount
                : 8 * BlockMath.BlocksFor(config.ContextLength, TorchRunner.TokensPerBlock);
        }

        var bits = 8 * (int)(KvDType ?? DType ?? ScalarType.Float32).ElementSize();
        var blockBytes = new CacheMemory(config, bits).Bytes(TorchRunner.TokensPerBlock);
        Check("pool_bytes", bytes, bytes >= blockBytes, $"at least {blockBytes}, the bytes of one block");
        return (int)Math.Min(bytes / blockBytes, MostBlocks);
    }

    /// <exception cref="OptionException">An option is out of its limits.</exception>
    internal void Validate()
    {
        Check("dtype", DType, IsWeights(DType), "float64, float32, float16 or bfloat16");
        Check("kv_dtype", KvDType, IsWeights(KvDType), "float64, float32, float16 or bfloat16");
        Check("blocks", BlockCount, BlockCount is >= 0 and <= MostBlocks, $"0 to {MostBlocks}");
        Check(
            "pool_bytes",
            PoolBytes,
            PoolBytes is null || BlockCount == 0,
            "left out where the number of blocks is given");
        Check(
            "max_tokens_per_step",
            MaxTokensPerStep,
            MaxTokensPerStep is >= 1 and <= MostTokensPerStep,
            $"1 to {MostTokensPerStep}");
    }

    private static bool IsWeights(ScalarType? dtype) =>
        dtype is null or ScalarType.Float64 or ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16;

    private static void Check<T>(string option, T value, bool isValid, string limits)
    {
        if (!isValid)
        {
            throw new OptionException(option, FormattableString.Invariant($"{value}"), limits);
        }
    }
}
