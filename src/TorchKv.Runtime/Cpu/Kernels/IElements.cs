namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>A storage type of weights, keys or values. Loading it as float32 loses nothing.</summary>
internal interface IElements
{
    /// <summary>Bytes of a stored number.</summary>
    static abstract int Bytes { get; }

    /// <summary>Loads one vector of numbers as float32.</summary>
    static abstract unsafe V Load<L, V>(byte* source)
        where L : IFloatLanes<V>
        where V : struct;
}
