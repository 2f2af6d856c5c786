using TorchKv.Runtime.Contracts;

namespace TorchKv.Batch.Errors;

/// <summary>A batch cannot be run, or cannot go on; the message names the file, the line and the limit.</summary>
public sealed class BatchException : TorchKvException
{
    /// <summary>A refusal.</summary>
    /// <param name="message">What is wrong, where, and what to do.</param>
    /// <param name="innerException">The cause.</param>
    public BatchException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
