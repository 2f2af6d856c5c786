using TorchKv.Runtime.Configuration;

namespace TorchKv.Runtime;

/// <summary>Which positions of a row a step gives logits for.</summary>
public enum LogitsWanted
{
    /// <summary>None: a piece of a prompt that is not its last.</summary>
    None,

    /// <summary>The row's last token.</summary>
    Last,

    /// <summary>Every token of the row.</summary>
    All,
}

/// <summary>One run of tokens of one sequence in a step. The tokens' keys and values are written into the sequence's blocks.</summary>
/// <param name="Tokens">Token ids at positions <paramref name="Position"/>, <paramref name="Position"/> + 1, …; at least one.</param>
/// <param name="Position">Absolute position of the first token: how many tokens of the sequence the blocks hold already.</param>
/// <param name="BlockTable">The sequence's blocks in order, ⌈(Position + Tokens.Length) / BlockSize⌉ of them at least; position p lies in block p / BlockSize.</param>
/// <param name="Logits">Which positions to give logits for.</param>
public readonly record struct RunnerRow(ReadOnlyMemory<int> Tokens, int Position, ReadOnlyMemory<int> BlockTable, LogitsWanted Logits);

/// <summary>
/// Runs a model over a pool of KV blocks. A step serves prefill, a chunk of a prompt, decode, and any mixture.
/// </summary>
/// <remarks>
/// Not thread-safe: one step at a time. No two rows of a step write the same block; they may read the same blocks.
/// A row's logits do not depend on the rows beside it beyond the runner's stated precision (bit for bit on the CPU runner).
/// </remarks>
public interface IModelRunner : IDisposable
{
    /// <summary>The model's shape.</summary>
    Gpt2Config Config { get; }

    /// <summary>Tokens in a block: 16.</summary>
    int BlockSize { get; }

    /// <summary>Blocks in the pool, numbered from 0.</summary>
    int BlockCount { get; }

    /// <summary>Bytes of keys and values of all layers in one block.</summary>
    int BytesPerBlock { get; }

    /// <summary>The most tokens that one step takes, over all its rows.</summary>
    int MaxTokensPerStep { get; }

    /// <summary>Runs one step.</summary>
    /// <param name="rows">The rows, in the order in which their logits are wanted.</param>
    /// <param name="logits">Receives float32 logits, (wanted positions, vocabulary), row after row.</param>
    /// <param name="cancellationToken">Ends the step early; what it wrote of these rows' tokens is then undefined, all else is untouched.</param>
    /// <exception cref="ArgumentException">A row is not served as asked (ids, positions, blocks, budget, room for logits). Nothing was changed.</exception>
    void Step(ReadOnlySpan<RunnerRow> rows, Span<float> logits, CancellationToken cancellationToken = default);

    /// <summary>Copies one block's keys and values, all layers, to another: copy on write.</summary>
    void CopyBlock(int source, int destination);

    /// <summary>Copies a block out, <see cref="BytesPerBlock"/> bytes in the runner's own layout, for saving a session.</summary>
    void ReadBlock(int block, Span<byte> destination);

    /// <summary>Puts back what <see cref="ReadBlock"/> gave, by a runner of the same model and the same KV dtype.</summary>
    void WriteBlock(int block, ReadOnlySpan<byte> source);
}
