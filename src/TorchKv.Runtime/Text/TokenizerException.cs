using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Text;

/// <summary>A tokenizer's file cannot be used; the message names the file and the reason.</summary>
public sealed class TokenizerException : TorchKvException
{
    /// <summary>An error about a file.</summary>
    /// <param name="file">The file's path.</param>
    /// <param name="reason">What is wrong with it, as a sentence without its subject's path.</param>
    /// <param name="innerException">What was caught, if anything.</param>
    public TokenizerException(string file, string reason, Exception? innerException = null)
        : base($"{file}: {reason}", innerException)
    {
        File = file;
        Reason = reason;
    }

    /// <summary>The file's path.</summary>
    public string File { get; }

    /// <summary>What is wrong with it.</summary>
    public string Reason { get; }
}
