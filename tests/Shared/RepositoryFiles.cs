namespace TorchKv.TestSupport;

/// <summary>Finds the repository's own files from wherever the tests run.</summary>
internal static class RepositoryFiles
{
    private static readonly Lazy<string> s_huggingFace = new(() =>
    {
        var folder = At("tests", "fixtures", "hf");
        HuggingFaceWeights.WriteMissing(folder);
        return folder;
    });

    /// <summary>The folder that holds run.sh.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A file or folder of the repository.</summary>
    public static string At(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>A file or folder under tests/fixtures. The first call for hf writes the model files there.</summary>
    public static string Fixture(params string[] parts)
        => Path.Combine([parts[0] == "hf" ? s_huggingFace.Value : At("tests", "fixtures", parts[0]), .. parts[1..]]);

    /// <summary>A file or folder under weights.</summary>
    public static string Weights(params string[] parts) => Path.Combine([Root, "weights", .. parts]);

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "run.sh")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"No run.sh above {AppContext.BaseDirectory}: the tests need the repository they were built in.");
    }
}
