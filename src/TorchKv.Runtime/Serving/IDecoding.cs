using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Serving;

/// <summary>A way to make tokens of logits, for one request. On the engine's thread.</summary>
internal interface IDecoding
{
    /// <summary>Whether there is nothing to compute: the request ends by <see cref="EndEmpty"/> at once.</summary>
    bool IsEmpty { get; }

    /// <summary>
    /// Uses the logits of one computed row: chooses tokens, gives them to the reader, ends what has ended.
    /// </summary>
    /// <param name="row">The row.</param>
    /// <param name="logits">(wanted positions, vocabulary); may be changed.</param>
    /// <param name="now">The time at which the step ended, as a timestamp.</param>
    void Decode(in PlannedRow row, Span<float> logits, long now);

    /// <summary>Ends a request that generates no token, or none but those generated before.</summary>
    void EndEmpty();
}
