using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>How wide the vectors are that kernels use. The results are the same bits.</summary>
internal enum VectorWidth
{
    /// <summary>No vectors: one lane.</summary>
    Scalar,

    /// <summary>128 bits: Arm64.</summary>
    Bits128,

    /// <summary>256 bits: AVX2 with FMA.</summary>
    Bits256,

    /// <summary>512 bits: AVX-512.</summary>
    Bits512,
}
