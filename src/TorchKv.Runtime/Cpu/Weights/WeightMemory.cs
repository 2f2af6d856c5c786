using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Weights;

/// <summary>The memory of all parameters: matrices at the start of a page, vectors at multiples of 64 bytes.</summary>
internal sealed unsafe class WeightMemory : IDisposable
{
    private readonly NativeBuffer _matrices;
    private readonly NativeBuffer _vectors;
    private byte* _nextMatrix;
    private float* _nextVector;

    /// <summary>Reserves memory, and places the matrices in it.</summary>
    /// <param name="matrices">The matrices.</param>
    /// <param name="vectors">The floats of every vector that <see cref="TakeVector"/> will be asked for.</param>
    public WeightMemory(IReadOnlyList<PackedMatrix> matrices, IEnumerable<long> vectors)
    {
        var floats = vectors.Sum(RoundUpTo16) + matrices.Sum(matrix => RoundUpTo16(BiasFloats(matrix)));
        _matrices = new NativeBuffer(matrices.Sum(matrix => RoundUpToPage(matrix.MostBytes)));
        _vectors = new NativeBuffer(floats * sizeof(float));
        _nextMatrix = _matrices.Pointer;
        _nextVector = (float*)_vectors.Pointer;
        foreach (var matrix in matrices)
        {
            matrix.Place(_nextMatrix, TakeVector(BiasFloats(matrix)));
            _nextMatrix += RoundUpToPage(matrix.MostBytes);
        }
    }

    /// <summary>
    /// Bytes of reserved memory. Matrices of bfloat16 in 12 bits reserve two bytes a weight and leave a quarter unused.
    /// </summary>
    public long Bytes => _matrices.Bytes + _vectors.Bytes;

    /// <summary>Takes memory for a vector.</summary>
    public float* TakeVector(long floats)
    {
        var taken = _nextVector;
        _nextVector += RoundUpTo16(floats);
        return taken;
    }

    public void Dispose()
    {
        _matrices.Dispose();
        _vectors.Dispose();
    }

    private static long BiasFloats(PackedMatrix matrix) => (long)matrix.Panels * PackedMatrix.PanelWidth;

    private static long RoundUpToPage(long bytes) => (bytes + 4095) & ~4095L;

    /// <summary>Rounds a number of floats up to 16, which are 64 bytes.</summary>
    private static long RoundUpTo16(long floats) => (floats + 15) & ~15L;
}
