using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>Loads the weights of one integer format of an <see cref="IntegerPanel"/>.</summary>
internal interface IQuantizedElements
{
    /// <summary>Inputs that share a scale.</summary>
    static abstract int Group { get; }

    /// <summary>Bytes of a quad.</summary>
    static abstract int QuadBytes { get; }

    /// <summary>The number added to every weight before it is stored, so that it is stored unsigned.</summary>
    static abstract int Offset { get; }

    /// <summary>Loads two vectors of weights, one output a lane, four inputs in its bytes.</summary>
    /// <param name="quad">The quad.</param>
    /// <param name="output">The first output of <paramref name="first"/>: 0 … 7 or 16 … 23.</param>
    /// <param name="first">The outputs from <paramref name="output"/> on.</param>
    /// <param name="second">The outputs from <paramref name="output"/> + 8 on.</param>
    static abstract unsafe void Load<D, I, F>(byte* quad, int output, out I first, out I second)
        where D : IDotLanes<I, F>
        where I : struct
        where F : struct;
}
