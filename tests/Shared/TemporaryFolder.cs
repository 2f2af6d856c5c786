namespace TorchKv.TestSupport;

/// <summary>A new folder that goes with its test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("torchkv-").FullName;

    /// <summary>A path in the folder.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>Copies a folder's files, not its subfolders', here.</summary>
    public TemporaryFolder CopyOf(string source)
    {
        foreach (var file in Directory.EnumerateFiles(source))
        {
            File.Copy(file, this[System.IO.Path.GetFileName(file)], overwrite: true);
        }

        return this;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
