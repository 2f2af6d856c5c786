using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Model;

namespace TorchKv.Runtime.Cpu.Steps;

/// <summary>
/// What a step computes: its tokens, where their keys and values lie, and whose logits are wanted. It does not change
/// while any thread works on the step, so a late thread still reads the shape of its own step.
/// </summary>
/// <remarks>
/// <see cref="Lay"/> describes the next step in the same memory, once no thread works on the last one any more. The
/// memory is native and for the largest step; pages that no step needed take none.
/// </remarks>
internal sealed unsafe class StepShape : IDisposable
{
    private readonly NativeBuffer _memory;
    private readonly int _blocksPerSequence;
    private readonly int* _tokens, _positions, _blocks, _wanted, _tables;
    private readonly StepRow* _rows;
    private readonly QueryChunk* _chunks;

    public StepShape(Gpt2Config config, int maxTokens)
    {
        _blocksPerSequence = BlockMath.BlocksFor(config.ContextLength, KvLayout.BlockSize);
        long words = 4 + (sizeof(StepRow) / sizeof(int)) + (sizeof(QueryChunk) / sizeof(int)) + _blocksPerSequence;
        _memory = new NativeBuffer(words * maxTokens * sizeof(int));
        _tokens = (int*)_memory.Pointer;
        _positions = _tokens + maxTokens;
        _blocks = _positions + maxTokens;
        _wanted = _blocks + maxTokens;
        _rows = (StepRow*)(_wanted + maxTokens);
        _chunks = (QueryChunk*)(_rows + maxTokens);
        _tables = (int*)(_chunks + maxTokens);
    }

    /// <summary>Tokens of the step.</summary>
    public int TokenCount { get; private set; }

    /// <summary>Tokens whose logits are wanted.</summary>
    public int WantedCount { get; private set; }

    /// <summary>Chunks of queries, over all rows.</summary>
    public int ChunkCount { get; private set; }

    /// <summary>Receives (wanted, vocabulary).</summary>
    public float* Logits { get; private set; }

    /// <summary>The id of a token.</summary>
    public int Token(int index) => _tokens[index];

    /// <summary>The position of a token in its sequence.</summary>
    public int Position(int index) => _positions[index];

    /// <summary>The block that receives a token's keys and values.</summary>
    public int Block(int index) => _blocks[index];

    /// <summary>The index of the token that has row <paramref name="index"/> of the logits.</summary>
    public int Wanted(int index) => _wanted[index];

    /// <summary>A row.</summary>
    public ref readonly StepRow Row(int row) => ref _rows[row];

    /// <summary>A chunk of queries.</summary>
    public ref readonly QueryChunk Chunk(int chunk) => ref _chunks[chunk];

    /// <summary>The block table of a row.</summary>
    public int* Table(int row) => _tables + ((long)row * _blocksPerSequence);

    /// <summary>Describes another step. No thread may work on the step before.</summary>
    /// <param name="rows">Its rows, which <see cref="StepRules"/> have checked.</param>
    /// <param name="logits">Receives (wanted, vocabulary).</param>
    public void Lay(ReadOnlySpan<RunnerRow> rows, float* logits)
    {
        int tokens = 0, wanted = 0, chunks = 0;
        for (var i = 0; i < rows.Length; i++)
        {
            var row = rows[i];
            var ids = row.Tokens.Span;
            var table = new Span<int>(Table(i), _blocksPerSequence);
            row.BlockTable.Span[..row.UsedBlocks(KvLayout.BlockSize)].CopyTo(table);
            _rows[i] = new StepRow(tokens, row.Position);

            // The last queries have the most keys: they go first, so that no long task is left for the end.
            var last = (ids.Length - 1) / Workspace.Queries * Workspace.Queries;
            for (var start = last; start >= 0; start -= Workspace.Queries)
            {
                _chunks[chunks++] = new QueryChunk(i, start, Math.Min(Workspace.Queries, ids.Length - start));
            }

            var firstWanted = ids.Length - row.LogitsCount;
            for (var j = 0; j < ids.Length; j++)
            {
                var position = row.Position + j;
                _tokens[tokens] = ids[j];
                _positions[tokens] = position;
                _blocks[tokens] = table[position / KvLayout.BlockSize];
                if (j >= firstWanted)
                {
                    _wanted[wanted++] = tokens;
                }

                tokens++;
            }
        }

        TokenCount = tokens;
        WantedCount = wanted;
        ChunkCount = chunks;
        Logits = logits;
    }

    public void Dispose() => _memory.Dispose();
}
