namespace TorchKv.Runtime.Cpu;

/// <summary>
/// The storage format of the CPU runner's weights, or of its keys and values. The runner computes in float32 whatever
/// the format. Only products with int8 and int4 weights sum integers.
/// </summary>
public enum CpuDType
{
    /// <summary>IEEE single precision, 4 bytes.</summary>
    Float32,

    /// <summary>
    /// The upper half of a float32, rounded to nearest, ties to even: 2 bytes. Weights take 12.1 bits, without loss, if
    /// their exponents allow it.
    /// </summary>
    BFloat16,

    /// <summary>
    /// Weights only: 8 bits, and a bfloat16 scale for every 64 inputs of an output (8.25 bits a weight). Activations
    /// are rounded to int8 too, with a scale for every 64 elements of a row.
    /// </summary>
    Int8,

    /// <summary>
    /// Weights only: 4 bits, and a bfloat16 scale for every 32 inputs of an output (4.5 bits a weight). The output head
    /// has 6 bits and a scale for every 64 inputs (6.25 bits). Activations are rounded to int8, with a scale for every
    /// 32 elements of a row (64 for the head).
    /// </summary>
    Int4,
}
