using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>How a <see cref="CpuRunner"/> keeps a model and how much it may use. Immutable.</summary>
public sealed record CpuRunnerOptions
{
    /// <summary>How weights are kept.</summary>
    public CpuDType DType { get; init; } = CpuDType.Float32;

    /// <summary>How keys and values are kept: float32 or bfloat16; null: float32 beside float32 weights, bfloat16 beside narrower ones.</summary>
    public CpuDType? KvDType { get; init; }

    /// <summary>Threads that compute, the caller's included, 1 to 1,024; 0: one for each processor.</summary>
    public int Threads { get; init; }

    /// <summary>Blocks of 16 tokens in the pool; 0: as many as eight sequences of the full context take. Blocks cost memory once they are written.</summary>
    public int BlockCount { get; init; }

    /// <summary>The pool's size in bytes instead of blocks: as many blocks as fit. Null: <see cref="BlockCount"/> decides.</summary>
    public long? PoolBytes { get; init; }

    /// <summary>The most tokens of one step, over all rows: 1 to 65,536.</summary>
    public int MaxTokensPerStep { get; init; } = 512;

    /// <summary>How keys and values are kept, null resolved.</summary>
    internal CpuDType KeptKvDType => KvDType ?? (DType == CpuDType.Float32 ? CpuDType.Float32 : CpuDType.BFloat16);

    /// <summary>The vectors to use; null: the widest that there are. The results are the same bits.</summary>
    internal VectorWidth? VectorWidth { get; init; }
}
