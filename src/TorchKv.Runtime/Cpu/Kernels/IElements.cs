using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>How stored numbers (weights, keys, values) become float32 lanes, exactly.</summary>
internal interface IElements
{
    /// <summary>Bytes of a stored number.</summary>
    static abstract int Bytes { get; }

    static abstract unsafe V Load<L, V>(byte* source)
        where L : IFloatLanes<V>
        where V : struct;
}
