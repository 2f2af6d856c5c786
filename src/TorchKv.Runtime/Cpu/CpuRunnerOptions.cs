using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>The storage formats, threads and memory of a <see cref="CpuRunner"/>. Immutable.</summary>
public sealed record CpuRunnerOptions
{
    /// <summary>The storage format of weights.</summary>
    public CpuDType DType { get; init; } = CpuDType.Float32;

    /// <summary>
    /// The storage format of keys and values: float32 or bfloat16. null: float32 if weights are float32, else bfloat16.
    /// </summary>
    public CpuDType? KvDType { get; init; }

    /// <summary>Threads that compute, including the caller's: 1 to 1,024. 0: one for each processor.</summary>
    public int Threads { get; init; }

    /// <summary>
    /// Blocks of 16 tokens in the pool. 0: enough for eight sequences of the full context. A block takes memory when it
    /// is first written.
    /// </summary>
    public int BlockCount { get; init; }

    /// <summary>
    /// The pool's size in bytes instead of blocks: as many blocks as fit. Null: <see cref="BlockCount"/> decides.
    /// </summary>
    public long? PoolBytes { get; init; }

    /// <summary>The most tokens of one step, over all rows: 1 to 65,536.</summary>
    public int MaxTokensPerStep { get; init; } = 512;

    /// <summary><see cref="KvDType"/>, or its default if it is null.</summary>
    internal CpuDType KeptKvDType => KvDType ?? (DType == CpuDType.Float32 ? CpuDType.Float32 : CpuDType.BFloat16);

    /// <summary>
    /// The width of vectors. null: the widest that the machine has. Every width gives the same bits; tests compare
    /// them.
    /// </summary>
    internal VectorWidth? VectorWidth { get; init; }
}
