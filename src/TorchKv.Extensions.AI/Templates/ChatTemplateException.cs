using TorchKv.Runtime.Contracts;

namespace TorchKv.Extensions.AI.Templates;

/// <summary>A chat template that cannot be used; the message names the file and says why.</summary>
public sealed class ChatTemplateException : TorchKvException
{
    /// <summary>A refusal.</summary>
    /// <param name="source">The file or name that was given.</param>
    /// <param name="problem">What is wrong with it, as the end of a sentence.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public ChatTemplateException(string source, string problem, Exception? innerException = null)
        : base($"The chat template {source} cannot be used: {problem}", innerException)
    {
        TemplateSource = source;
    }

    /// <summary>The file or name that was given.</summary>
    public string TemplateSource { get; }
}
