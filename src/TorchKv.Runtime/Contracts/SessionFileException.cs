namespace TorchKv.Runtime.Contracts;

/// <summary>
/// A session file that cannot be used: damaged, cut short, of another model or another version. Nothing was changed.
/// </summary>
public sealed class SessionFileException : TorchKvException
{
    /// <summary>A refusal that names the file and the reason.</summary>
    public SessionFileException(string path, string reason)
        : base($"{path}: {reason}") => Path = path;

    /// <summary>The file.</summary>
    public string Path { get; }
}
