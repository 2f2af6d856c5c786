namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>How a matrix's weights lie in memory.</summary>
internal enum WeightFormat
{
    Float32,

    /// <summary>Two bytes a weight.</summary>
    BFloat16,

    /// <summary>The same bfloat16s in 12 bits each; see <see cref="Kernels.CodedPanel"/>.</summary>
    CodedBFloat16,

    Int8,

    /// <summary>The output head beside int4.</summary>
    Int6,

    Int4,
}
