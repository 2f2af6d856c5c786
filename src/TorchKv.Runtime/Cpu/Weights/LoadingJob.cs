using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Weights;

/// <summary>A part of loading that any thread can run.</summary>
/// <param name="Matrix">The matrix that it packs; null if it reads a vector.</param>
/// <param name="Floats">The floats that its buffer must hold.</param>
/// <param name="Run">Reads and packs, with that buffer as scratch memory.</param>
internal sealed record LoadingJob(PackedMatrix? Matrix, long Floats, Action<NativeBuffer> Run);
