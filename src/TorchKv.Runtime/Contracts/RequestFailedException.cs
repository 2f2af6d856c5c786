namespace TorchKv.Runtime.Contracts;

/// <summary>
/// Thrown to the reader of a request whose computation failed. Other requests are not affected. The inner exception is
/// the cause; null where the message says all, as of logits that hold NaN.
/// </summary>
public sealed class RequestFailedException : TorchKvException
{
    /// <summary>An error with its cause.</summary>
    public RequestFailedException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
