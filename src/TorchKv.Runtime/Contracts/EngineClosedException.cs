namespace TorchKv.Runtime.Contracts;

/// <summary>Thrown to readers and submitters of an engine that was disposed, or that stopped after a defect.</summary>
public sealed class EngineClosedException : TorchKvException
{
    /// <summary>An error with its cause, if there is one.</summary>
    public EngineClosedException(Exception? innerException = null)
        : base(
            innerException is null ? "The engine was disposed." : "The engine stopped: " + innerException.Message,
            innerException)
    {
    }
}
