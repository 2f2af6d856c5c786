using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>
/// The data of one step: the activations of all its tokens, and the places of their keys and values. It is allocated
/// once, for the largest step.
/// </summary>
/// <remarks>
/// Rows are a multiple of 64 floats apart. There is memory for twelve rows more than tokens, because kernels read whole
/// tiles. The rows that are multiplied with matrices (<see cref="Normed"/>, <see cref="Attended"/>,
/// <see cref="Hidden"/>) always end in zeros, because kernels read whole groups and whole units of
/// <see cref="CodedPanel"/>.
/// </remarks>
internal sealed unsafe class Scratch : IDisposable
{
    private readonly NativeBuffer _memory;
    private readonly float* _quantizedScales;
    private readonly int* _quantizedStarts;
    private readonly sbyte* _quantizedValues;

    public Scratch(Gpt2Config config, int maxTokens)
    {
        MaxTokens = maxTokens;
        BlocksPerSequence = BlockMath.BlocksFor(config.ContextLength, KvLayout.BlockSize);
        Width = Stride(config.EmbeddingSize);
        Inner = Stride(config.InnerSize);
        var widest = Math.Max(Width, Inner);
        long rows = maxTokens + Tiles.TallRows;
        var groups = widest / Int4Elements.Group;
        _memory = new NativeBuffer((rows * ((4L * Width) + Inner + (2L * groups)) * 4) + (rows * widest));
        Residual = (float*)_memory.Pointer;
        Normed = Residual + (rows * Width);
        Queries = Normed + (rows * Width);
        Attended = Queries + (rows * Width);
        Hidden = Attended + (rows * Width);
        _quantizedScales = Hidden + (rows * Inner);
        _quantizedStarts = (int*)(_quantizedScales + (rows * groups));
        _quantizedValues = (sbyte*)(_quantizedStarts + (rows * groups));

        Tokens = new int[maxTokens];
        Positions = new int[maxTokens];
        Blocks = new int[maxTokens];
        Wanted = new int[maxTokens];
        Rows = new Row[maxTokens];
        Chunks = new Chunk[maxTokens];

        // One table more than rows: a late thread (see IPhasedWork.Compute) may combine values of two steps and still
        // reads inside the array.
        Tables = GC.AllocateArray<int>((maxTokens + 1) * BlocksPerSequence, pinned: true);
    }

    /// <summary>A row of the step: consecutive tokens of one sequence.</summary>
    /// <param name="FirstToken">The index of its first token in the step.</param>
    /// <param name="Position">The position of its first token in the sequence.</param>
    /// <param name="Table">The index of its block table in <see cref="Tables"/>.</param>
    internal record struct Row(int FirstToken, int Position, int Table);

    /// <summary>The queries of one attention task: <paramref name="Count"/> consecutive tokens of a row.</summary>
    /// <param name="Row">The index of the row.</param>
    /// <param name="Start">The index of the first token within the row.</param>
    /// <param name="Count">The number of tokens, at most <see cref="Workspace.Queries"/>.</param>
    internal record struct Chunk(int Row, int Start, int Count);

    /// <summary>The most tokens of a step.</summary>
    public int MaxTokens { get; }

    /// <summary>Blocks of a sequence of the full context.</summary>
    public int BlocksPerSequence { get; }

    /// <summary>Floats from row to row of all arrays but <see cref="Hidden"/>.</summary>
    public int Width { get; }

    /// <summary>Floats from row to row of <see cref="Hidden"/>.</summary>
    public int Inner { get; }

    /// <summary>(tokens, width): the residual stream. The padding at the end of a row may hold anything.</summary>
    public float* Residual { get; }

    /// <summary>(tokens, width): the output of the latest LayerNorm.</summary>
    public float* Normed { get; }

    /// <summary>(tokens, heads · head_dim): the queries.</summary>
    public float* Queries { get; }

    /// <summary>(tokens, heads · head_dim): the output of attention, before the projection.</summary>
    public float* Attended { get; }

    /// <summary>(tokens, inner): the hidden layer of the MLP, after the activation.</summary>
    public float* Hidden { get; }

    /// <summary>The ids of the tokens.</summary>
    public int[] Tokens { get; }

    /// <summary>The position of each token in its sequence.</summary>
    public int[] Positions { get; }

    /// <summary>The block that receives each token's keys and values.</summary>
    public int[] Blocks { get; }

    /// <summary>The indices of the tokens whose logits are wanted.</summary>
    public int[] Wanted { get; }

    /// <summary>The rows of the step.</summary>
    public Row[] Rows { get; }

    /// <summary>The chunks of queries of all rows.</summary>
    public Chunk[] Chunks { get; }

    /// <summary>
    /// The block tables of all rows, <see cref="BlocksPerSequence"/> entries each. The array is pinned.
    /// </summary>
    public int[] Tables { get; }

    /// <summary>Tokens of the present step.</summary>
    public int TokenCount { get; set; }

    /// <summary>Entries of <see cref="Wanted"/> in the present step.</summary>
    public int WantedCount { get; set; }

    /// <summary>Entries of <see cref="Chunks"/> in the present step.</summary>
    public int ChunkCount { get; set; }

    /// <summary>The activations of all rows, quantized for a matrix.</summary>
    public QuantizedRows Quantized(PackedMatrix matrix) =>
        new(_quantizedValues, _quantizedScales, _quantizedStarts, matrix.Groups * matrix.Group, matrix.Groups);

    /// <summary>Floats from row to row for rows of a width: the width rounded up to 64.</summary>
    public static int Stride(int width) => (width + 63) / 64 * 64;

    public void Dispose() => _memory.Dispose();
}
