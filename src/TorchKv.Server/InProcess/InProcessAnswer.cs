namespace TorchKv.Server.InProcess;

/// <summary>What a request in the process was answered with.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">The error's code; null where it succeeded, or where the error has none.</param>
/// <param name="Body">The JSON that an HTTP client would get.</param>
internal sealed record InProcessAnswer(int Status, string? Code, ReadOnlyMemory<byte> Body)
{
    /// <summary>
    /// Whether the fault is of the moment, so that the same request may succeed later: the queue is full, or the server
    /// stops.
    /// </summary>
    public bool IsOfTheMoment => Status == 503;
}
