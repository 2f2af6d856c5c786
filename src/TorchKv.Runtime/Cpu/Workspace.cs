using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>One thread's own scratch memory: where a task's result lies until it is published.</summary>
internal sealed unsafe class Workspace : IDisposable
{
    /// <summary>Rows of a task that goes row by row (embedding, norm, quantization).</summary>
    public const int Rows = 8;

    /// <summary>Rows of a product's task, at most: its tile stays in the first-level cache beside a stretch of x.</summary>
    public const int ProductRows = 96;

    /// <summary>Queries of an attention task, at most.</summary>
    public const int Queries = 24;

    /// <summary>Floats of a product's tiles.</summary>
    public const int TileFloats = 16 * 1024;

    private readonly NativeBuffer memory;

    public Workspace(Gpt2Config config)
    {
        var widest = Scratch.Stride(Math.Max(config.EmbeddingSize, config.InnerSize));
        var valueStride = new KvLayout(config.HeadCount, config.HeadDim, 4).ValueStride;
        ScoreStride = Scratch.Stride(config.ContextLength);
        var tile = Math.Max(TileFloats, Math.Max(Queries * valueStride, Rows * widest));
        var groups = widest / Int4Elements.Group;
        memory = new NativeBuffer((((long)tile + ((long)Tiles.Rows * ScoreStride) + (2L * Rows * groups)) * 4) + (Rows * widest));
        Tile = (float*)memory.Pointer;
        Scores = Tile + tile;
        quantizedScales = Scores + ((long)Tiles.Rows * ScoreStride);
        quantizedStarts = (int*)(quantizedScales + (Rows * groups));
        quantizedValues = (sbyte*)(quantizedStarts + (Rows * groups));
    }

    private readonly float* quantizedScales;
    private readonly int* quantizedStarts;
    private readonly sbyte* quantizedValues;

    /// <summary>A task's result.</summary>
    public float* Tile { get; }

    /// <summary>(6, <see cref="ScoreStride"/>): scores of six queries.</summary>
    public float* Scores { get; }

    public int ScoreStride { get; }

    /// <summary>Rows quantized for a matrix.</summary>
    public QuantizedRows Quantized(PackedMatrix matrix) =>
        new(quantizedValues, quantizedScales, quantizedStarts, matrix.Groups * matrix.Group, matrix.Groups);

    public void Dispose() => memory.Dispose();
}
