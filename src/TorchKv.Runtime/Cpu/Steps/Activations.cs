using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Steps;

/// <summary>The activations of all tokens of a step. They are allocated once, for the largest step.</summary>
/// <remarks>
/// Rows are a multiple of 64 floats apart. There is memory for twelve rows more than tokens, because kernels read whole
/// tiles. The rows that are multiplied with matrices (<see cref="Normed"/>, <see cref="Attended"/>,
/// <see cref="Hidden"/>) always end in zeros, because kernels read whole groups and whole units of
/// <see cref="CodedPanel"/>.
/// </remarks>
internal sealed unsafe class Activations : IDisposable
{
    private readonly NativeBuffer _memory;
    private readonly float* _quantizedScales;
    private readonly int* _quantizedStarts;
    private readonly sbyte* _quantizedValues;

    public Activations(Gpt2Config config, int maxTokens)
    {
        int width = Stride(config.EmbeddingSize), inner = Stride(config.InnerSize);
        var widest = Math.Max(width, inner);
        long rows = maxTokens + Tiles.TallRows;
        var groups = widest / IntegerPanel.Int4Group;
        _memory = new NativeBuffer((rows * ((4L * width) + inner + (2L * groups)) * 4) + (rows * widest));
        Residual = new RowArray((float*)_memory.Pointer, width);
        Normed = new RowArray(Residual.Data + (rows * width), width);
        Queries = new RowArray(Normed.Data + (rows * width), width);
        Attended = new RowArray(Queries.Data + (rows * width), width);
        Hidden = new RowArray(Attended.Data + (rows * width), inner);
        _quantizedScales = Hidden.Data + (rows * inner);
        _quantizedStarts = (int*)(_quantizedScales + (rows * groups));
        _quantizedValues = (sbyte*)(_quantizedStarts + (rows * groups));
    }

    /// <summary>(tokens, width): the residual stream. The padding at the end of a row may hold anything.</summary>
    public RowArray Residual { get; }

    /// <summary>(tokens, width): the output of the latest LayerNorm.</summary>
    public RowArray Normed { get; }

    /// <summary>(tokens, heads · head_dim): the queries.</summary>
    public RowArray Queries { get; }

    /// <summary>(tokens, heads · head_dim): the output of attention, before the projection.</summary>
    public RowArray Attended { get; }

    /// <summary>(tokens, inner): the hidden layer of the MLP, after the activation.</summary>
    public RowArray Hidden { get; }

    /// <summary>The activations of all rows, quantized for a matrix.</summary>
    public QuantizedRows Quantized(PackedMatrix matrix) =>
        new(_quantizedValues, _quantizedScales, _quantizedStarts, matrix.Groups * matrix.Group, matrix.Groups);

    /// <summary>Floats from row to row for rows of a width: the width rounded up to 64.</summary>
    public static int Stride(int width) => (width + 63) / 64 * 64;

    public void Dispose() => _memory.Dispose();
}
