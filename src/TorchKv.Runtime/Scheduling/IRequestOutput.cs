namespace TorchKv.Runtime.Scheduling;

/// <summary>Gets what is computed for a request. The scheduler carries it and calls neither method: whoever runs the plan does.</summary>
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
