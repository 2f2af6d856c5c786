using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>How the CPU runner keeps numbers. It computes in float32 whatever it keeps, int8 and int4 products' sums in integers.</summary>
public enum CpuDType
{
    /// <summary>IEEE single precision, 4 bytes.</summary>
    Float32,

    /// <summary>The upper half of a float32, rounded to nearest even: 2 bytes; weights in 12.1 bits where their exponents allow it, without loss.</summary>
    BFloat16,

    /// <summary>Weights only: 8 bits with a bfloat16 scale for every 64 inputs of an output (8.25 bits); activations in int8, a scale for every 64 of a row.</summary>
    Int8,

    /// <summary>Weights only: 4 bits with a bfloat16 scale for every 32 inputs of an output (4.5 bits), the output head 6 bits with a scale for every 64 (6.25 bits); activations in int8, a scale for every 32 of a row.</summary>
    Int4,
}
