namespace TorchKv.Runtime.Cpu.Steps;

/// <summary>Rows of float32 in memory that never moves, one for each token of a step.</summary>
/// <param name="data">The first row.</param>
/// <param name="stride">Floats from row to row, a multiple of 64.</param>
internal readonly unsafe struct RowArray(float* data, int stride)
{
    /// <summary>The first row.</summary>
    public readonly float* Data = data;

    /// <summary>Floats from row to row.</summary>
    public readonly int Stride = stride;

    /// <summary>A row.</summary>
    public float* Row(int row) => Data + ((long)row * Stride);
}
