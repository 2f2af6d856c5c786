using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu;

/// <summary>How dtypes are stored.</summary>
internal static class CpuDTypes
{
    /// <summary>The format of matrices of a dtype.</summary>
    public static WeightFormat WeightFormat(this CpuDType dtype) => dtype switch
    {
        CpuDType.Float32 => Packing.WeightFormat.Float32,
        CpuDType.BFloat16 => Packing.WeightFormat.CodedBFloat16,
        CpuDType.Int8 => Packing.WeightFormat.Int8,
        _ => Packing.WeightFormat.Int4,
    };
}
