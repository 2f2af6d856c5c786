using TorchKv.Runtime.Contracts;

namespace TorchKv.PortChecking;

/// <summary>A trace, or a file that maps its names, is not what it must be; the message names the file and the reason.</summary>
public sealed class TraceException : TorchKvException
{
    /// <summary>An error with a message.</summary>
    public TraceException(string message)
        : base(message)
    {
    }

    /// <summary>An error with a message and its cause.</summary>
    public TraceException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
