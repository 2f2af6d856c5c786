namespace TorchKv.Runtime.Contracts;

/// <summary>Thrown to the reader of a request whose computation failed; the cause is the inner exception. Other requests go on.</summary>
public sealed class RequestFailedException : TorchKvException
{
    /// <summary>An error with its cause.</summary>
    public RequestFailedException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
