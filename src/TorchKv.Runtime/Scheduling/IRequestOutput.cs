namespace TorchKv.Runtime.Scheduling;

/// <summary>
/// Receives the logits of a request. The scheduler only carries it: the code that runs the plan calls its methods.
/// </summary>
internal interface IRequestOutput
{
    /// <summary>Uses the logits of one computed row, before any other row is planned.</summary>
    /// <param name="row">The row; its tokens are counted as computed.</param>
    /// <param name="logits">(wanted positions, vocabulary); may be changed.</param>
    /// <param name="now">The time at which the step ended, as a timestamp.</param>
    void Use(in PlannedRow row, Span<float> logits, long now);

    /// <summary>Ends the request, whose computation failed.</summary>
    void Fail(Exception cause);
}
