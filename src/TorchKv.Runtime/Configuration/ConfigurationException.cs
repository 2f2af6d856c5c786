using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Configuration;

/// <summary>A model's configuration cannot be used; the message names the file, the field and the reason.</summary>
public sealed class ConfigurationException : TorchKvException
{
    /// <summary>A refusal of one field, or of the whole file where <paramref name="field"/> is null.</summary>
    /// <param name="source">The file, or what else the configuration came from.</param>
    /// <param name="field">The field's name in the file.</param>
    /// <param name="reason">What is wrong with it, and what would be right.</param>
    /// <param name="innerException">The cause, where there is one.</param>
    public ConfigurationException(string source, string? field, string reason, Exception? innerException = null)
        : base(field is null ? $"{source}: {reason}" : $"{source}: {field}: {reason}", innerException)
    {
        ConfigurationSource = source;
        Field = field;
        Reason = reason;
    }

    /// <summary>The file, or what else the configuration came from.</summary>
    public string ConfigurationSource { get; }

    /// <summary>The field's name in the file; null where the file as a whole is refused.</summary>
    public string? Field { get; }

    /// <summary>What is wrong, without file and field.</summary>
    public string Reason { get; }
}
