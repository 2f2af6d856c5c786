using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>
/// A checkpoint cannot be read or written; the message names the file, the tensor where one is at fault, and the
/// reason.
/// </summary>
public sealed class CheckpointException : TorchKvException
{
    /// <summary>A refusal of one tensor, or of the whole file where <paramref name="tensor"/> is null.</summary>
    /// <param name="file">The file's path.</param>
    /// <param name="tensor">The tensor's name in the file.</param>
    /// <param name="reason">What is wrong.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public CheckpointException(string file, string? tensor, string reason, Exception? innerException = null)
        : base(tensor is null ? $"{file}: {reason}" : $"{file}: tensor {Shorten(tensor)}: {reason}", innerException)
    {
        File = file;
        Tensor = tensor;
        Reason = reason;
    }

    /// <summary>The file's path.</summary>
    public string File { get; }

    /// <summary>The tensor's name in the file; null where the file as a whole is refused.</summary>
    public string? Tensor { get; }

    /// <summary>What is wrong, without file and tensor.</summary>
    public string Reason { get; }

    /// <summary>A tensor's name for a message; in a file it may be as long as the header.</summary>
    internal static string Shorten(string name) => name.Length <= 200 ? name : name[..200] + "…";
}
