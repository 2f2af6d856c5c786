using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>How a group's weights lie in a panel of 32 outputs.</summary>
internal interface IQuantizedElements
{
    /// <summary>Inputs that share a scale.</summary>
    static abstract int Group { get; }

    /// <summary>Bytes of four inputs of all 32 outputs.</summary>
    static abstract int QuadBytes { get; }

    /// <summary>What is added to a weight so that it is not negative.</summary>
    static abstract int Offset { get; }

    /// <summary>Four inputs each of the outputs from <paramref name="output"/> on (0 … 7, or 16 … 23) and of those 8 further.</summary>
    static abstract unsafe void Load<D, I, F>(byte* quad, int output, out I first, out I second)
        where D : IDotLanes<I, F>
        where I : struct
        where F : struct;
}
