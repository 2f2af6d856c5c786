namespace TorchKv.Runtime.Cpu.Packing;

/// <summary>The storage format of a matrix's weights.</summary>
internal enum WeightFormat
{
    /// <summary>Four bytes a weight.</summary>
    Float32,

    /// <summary>Two bytes a weight.</summary>
    BFloat16,

    /// <summary>bfloat16 in 12 bits a weight, without loss; see <see cref="CodedPanel"/>.</summary>
    CodedBFloat16,

    /// <summary>Eight bits a weight and a scale for every 64; see <see cref="IntegerPanel"/>.</summary>
    Int8,

    /// <summary>
    /// Six bits a weight and a scale for every 64, for the head of an int4 model; see <see cref="IntegerPanel"/>.
    /// </summary>
    Int6,

    /// <summary>Four bits a weight and a scale for every 32; see <see cref="IntegerPanel"/>.</summary>
    Int4,
}
