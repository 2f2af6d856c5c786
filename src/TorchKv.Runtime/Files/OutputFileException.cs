using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Files;

/// <summary>A file that cannot be written. What was there before is as it was.</summary>
public sealed class OutputFileException : TorchKvException
{
    /// <summary>A refusal that names the file and the reason.</summary>
    /// <param name="path">The path that was asked for.</param>
    /// <param name="reason">Why it cannot be written, as the rest of a sentence that begins with the path.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public OutputFileException(string path, string reason, Exception? innerException = null)
        : base($"{(path.Length == 0 ? "''" : path)} {reason}", innerException)
    {
        Path = path;
        Reason = reason;
    }

    /// <summary>The path that was asked for.</summary>
    public string Path { get; }

    /// <summary>Why it cannot be written, without the path.</summary>
    public string Reason { get; }
}
