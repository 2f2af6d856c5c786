using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Model;

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
    ModelShape Model { get; }

    /// <summary>Tokens in a block.</summary>
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
