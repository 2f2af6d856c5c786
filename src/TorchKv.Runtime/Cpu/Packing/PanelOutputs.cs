namespace TorchKv.Runtime.Cpu.Packing;

/// <summary>The outputs of one panel of a <see cref="PackedMatrix"/>.</summary>
/// <param name="Part">Their part of the matrix: 0, or which of queries, keys and values.</param>
/// <param name="First">The first output within that part.</param>
/// <param name="Count">The number of outputs, at most 32.</param>
internal readonly record struct PanelOutputs(int Part, int First, int Count);
