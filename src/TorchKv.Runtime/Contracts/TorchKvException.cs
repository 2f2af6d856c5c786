namespace TorchKv.Runtime.Contracts;

/// <summary>
/// The base of every error that this library raises about its input. The message names the thing and the limit.
/// </summary>
public class TorchKvException : Exception
{
    /// <summary>An error with a message.</summary>
    public TorchKvException(string message)
        : base(message)
    {
    }

    /// <summary>An error with a message and its cause.</summary>
    public TorchKvException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
