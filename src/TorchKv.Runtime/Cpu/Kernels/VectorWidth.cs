namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>The width of the vectors that kernels use. Every width gives the same bits.</summary>
internal enum VectorWidth
{
    /// <summary>One lane, no vectors.</summary>
    Scalar,

    /// <summary>128 bits: Arm64.</summary>
    Bits128,

    /// <summary>256 bits: AVX2 with FMA.</summary>
    Bits256,

    /// <summary>512 bits: AVX-512.</summary>
    Bits512,
}
