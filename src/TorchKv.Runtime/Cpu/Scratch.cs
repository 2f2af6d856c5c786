using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>
/// What is per step: the activations of all its tokens and where their keys and values go. Allocated once, for the largest step.
/// Rows are a multiple of 64 floats apart, and there is memory for twelve rows more than tokens (a tile may be read whole). The rows that
/// matrices multiply (<see cref="Normed"/>, <see cref="Attended"/>, <see cref="Hidden"/>) have zeros at the end, which nobody ever writes
/// anything else to: a group, or a unit of <see cref="CodedPanel"/>, may be read whole.
/// </summary>
internal sealed unsafe class Scratch : IDisposable
{
    private readonly NativeBuffer memory;
    private readonly float* quantizedScales;
    private readonly int* quantizedStarts;
    private readonly sbyte* quantizedValues;

    public Scratch(Gpt2Config config, int maxTokens)
    {
        MaxTokens = maxTokens;
        BlocksPerSequence = BlockMath.BlocksFor(config.ContextLength, KvLayout.BlockSize);
        Width = Stride(config.EmbeddingSize);
        Inner = Stride(config.InnerSize);
        var widest = Math.Max(Width, Inner);
        long rows = maxTokens + Tiles.TallRows;
        var groups = widest / Int4Elements.Group;
        memory = new NativeBuffer((rows * ((4L * Width) + Inner + (2L * groups)) * 4) + (rows * widest));
        Residual = (float*)memory.Pointer;
        Normed = Residual + (rows * Width);
        Queries = Normed + (rows * Width);
        Attended = Queries + (rows * Width);
        Hidden = Attended + (rows * Width);
        quantizedScales = Hidden + (rows * Inner);
        quantizedStarts = (int*)(quantizedScales + (rows * groups));
        quantizedValues = (sbyte*)(quantizedStarts + (rows * groups));

        Tokens = new int[maxTokens];
        Positions = new int[maxTokens];
        Blocks = new int[maxTokens];
        Wanted = new int[maxTokens];
        Rows = new Row[maxTokens];
        Chunks = new Chunk[maxTokens];

        // The last rows' worth more than can be in use, so that a late thread that reads a mixture of two steps stays inside.
        Tables = GC.AllocateArray<int>((maxTokens + 1) * BlocksPerSequence, pinned: true);
    }

    /// <summary>A row of a step, and where it lies in the arrays.</summary>
    internal record struct Row(int FirstToken, int Position, int Table);

    /// <summary>Queries of a row that one attention task takes: tokens Start … Start + Count of the row.</summary>
    internal record struct Chunk(int Row, int Start, int Count);

    public int MaxTokens { get; }

    public int BlocksPerSequence { get; }

    /// <summary>Floats from row to row of all but <see cref="Hidden"/>.</summary>
    public int Width { get; }

    /// <summary>Floats from row to row of <see cref="Hidden"/>.</summary>
    public int Inner { get; }

    /// <summary>(tokens, width): the residual stream. What lies at the end of a row may be anything.</summary>
    public float* Residual { get; }

    /// <summary>(tokens, width): after a LayerNorm.</summary>
    public float* Normed { get; }

    /// <summary>(tokens, heads · head_dim).</summary>
    public float* Queries { get; }

    /// <summary>(tokens, heads · head_dim): what attention gives.</summary>
    public float* Attended { get; }

    /// <summary>(tokens, inner): after the activation.</summary>
    public float* Hidden { get; }

    public int[] Tokens { get; }

    /// <summary>Absolute position of each token.</summary>
    public int[] Positions { get; }

    /// <summary>The block that each token's keys and values go to.</summary>
    public int[] Blocks { get; }

    /// <summary>Tokens whose logits are wanted.</summary>
    public int[] Wanted { get; }

    public Row[] Rows { get; }

    public Chunk[] Chunks { get; }

    /// <summary>Block tables, row after row; pinned.</summary>
    public int[] Tables { get; }

    public int TokenCount { get; set; }

    public int WantedCount { get; set; }

    public int ChunkCount { get; set; }

    /// <summary>Rows of activations quantized for a matrix.</summary>
    public QuantizedRows Quantized(PackedMatrix matrix) =>
        new(quantizedValues, quantizedScales, quantizedStarts, matrix.Groups * matrix.Group, matrix.Groups);

    /// <summary>A row's stride in floats.</summary>
    public static int Stride(int width) => (width + 63) / 64 * 64;

    public void Dispose() => memory.Dispose();
}
