using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Model;

/// <summary>
/// Runs a model over a pool of KV blocks. One step can mix prefill, chunks of prompts and decode.
/// </summary>
/// <remarks>
/// <para>
/// One call at a time. <see cref="StepRules"/> says what a runner refuses; it refuses before anything changes.
/// </para>
/// <para>
/// Within a step a block has one writer, and no other row reads what it writes: whoever shares a block copies it before
/// writing (<see cref="CopyBlock"/>). Any number of rows may read the same blocks.
/// </para>
/// <para>
/// A row's logits depend on its own tokens alone, within the precision that the runner states (bit for bit on the CPU
/// runner). Slots of a block past the row's last token take no part, whatever they hold.
/// </para>
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
    /// <param name="rows">
    /// The rows, in the order in which their logits are wanted; none at all is a step that does nothing.
    /// </param>
    /// <param name="logits">Receives float32 logits, (wanted positions, vocabulary), row after row.</param>
    /// <param name="cancellationToken">
    /// Ends the step early. The keys and values of the rows' new tokens are then undefined; everything else is
    /// untouched.
    /// </param>
    /// <exception cref="ContextLengthException">A row would end past the context. Nothing was changed.</exception>
    /// <exception cref="ArgumentException"><see cref="StepRules"/> refuses the rows. Nothing was changed.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The runner was disposed.</exception>
    void Step(ReadOnlySpan<RunnerRow> rows, Span<float> logits, CancellationToken cancellationToken = default);

    /// <summary>Copies the keys and values of all layers from one block to another: copy on write.</summary>
    void CopyBlock(int source, int destination);

    /// <summary>
    /// Copies a block out, <see cref="BytesPerBlock"/> bytes in the runner's own layout, to save a session.
    /// </summary>
    void ReadBlock(int block, Span<byte> destination);

    /// <summary>
    /// Writes a block that <see cref="ReadBlock"/> gave; the same kind of runner, model and KV dtype must have given
    /// it.
    /// </summary>
    void WriteBlock(int block, ReadOnlySpan<byte> source);
}
