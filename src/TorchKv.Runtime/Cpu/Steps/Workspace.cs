using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Steps;

/// <summary>The scratch memory of one thread. It holds the result of a task until it is published.</summary>
internal sealed unsafe class Workspace : IDisposable
{
    /// <summary>Rows of an embedding, norm or quantization task.</summary>
    public const int Rows = 8;

    /// <summary>
    /// The most rows of a product's task. The tile of one panel and the part of x in use then fit the first-level
    /// cache.
    /// </summary>
    public const int ProductRows = 96;

    /// <summary>The most queries of an attention task.</summary>
    public const int Queries = 24;

    /// <summary>Floats of the tiles of a product's task.</summary>
    public const int TileFloats = 16 * 1024;

    private readonly NativeBuffer _memory;
    private readonly float* _quantizedScales;
    private readonly int* _quantizedStarts;
    private readonly sbyte* _quantizedValues;

    public Workspace(Gpt2Config config)
    {
        var widest = Activations.Stride(Math.Max(config.EmbeddingSize, config.InnerSize));
        var valueStride = new KvLayout(config.HeadCount, config.HeadDim, 4).ValueStride;
        ScoreStride = Activations.Stride(config.ContextLength);
        var tile = Math.Max(TileFloats, Math.Max(Queries * valueStride, Rows * widest));
        var groups = widest / IntegerPanel.Int4Group;
        var words = tile + ((long)Tiles.Rows * ScoreStride) + (2L * Rows * groups);
        _memory = new NativeBuffer((words * 4) + (Rows * widest));
        Tile = (float*)_memory.Pointer;
        Scores = Tile + tile;
        _quantizedScales = Scores + ((long)Tiles.Rows * ScoreStride);
        _quantizedStarts = (int*)(_quantizedScales + (Rows * groups));
        _quantizedValues = (sbyte*)(_quantizedStarts + (Rows * groups));
    }

    /// <summary>The result of a task, in float32.</summary>
    public float* Tile { get; }

    /// <summary>(6, <see cref="ScoreStride"/>): the attention scores of six queries.</summary>
    public float* Scores { get; }

    /// <summary>Floats from query to query of <see cref="Scores"/>.</summary>
    public int ScoreStride { get; }

    /// <summary>The result of a norm or quantization task, quantized for a matrix.</summary>
    public QuantizedRows Quantized(PackedMatrix matrix) =>
        new(_quantizedValues, _quantizedScales, _quantizedStarts, matrix.Groups * matrix.Group, matrix.Groups);

    public void Dispose() => _memory.Dispose();
}
