using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu.Kernels;
using static TorchSharp.torch;

namespace TorchKv.Running;

/// <summary>Where a <see cref="TorchRunner"/> keeps a model and how much it may use. Immutable.</summary>
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

    /// <summary>The most tokens of one step, over all rows: 1 to 65,536.</summary>
    public int MaxTokensPerStep { get; init; } = 2048;

    /// <summary>The blocks of a pool for a model with this context.</summary>
    internal int BlocksFor(int contextLength) =>
        BlockCount == 0 ? 8 * BlockMath.BlocksFor(contextLength, TorchRunner.TokensPerBlock) : BlockCount;

    /// <exception cref="OptionException">An option is out of its limits.</exception>
    internal void Validate()
    {
        Check("dtype", DType, IsWeights(DType), "float64, float32, float16 or bfloat16");
        Check("kv_dtype", KvDType, IsWeights(KvDType), "float64, float32, float16 or bfloat16");
        Check("blocks", BlockCount, BlockCount is >= 0 and <= MostBlocks, $"0 to {MostBlocks}");
        Check("max_tokens_per_step", MaxTokensPerStep, MaxTokensPerStep is >= 1 and <= MostTokensPerStep, $"1 to {MostTokensPerStep}");
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
