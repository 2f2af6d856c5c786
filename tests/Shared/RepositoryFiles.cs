namespace TorchKv.TestSupport;

/// <summary>Finds the repository's own files from wherever the tests run.</summary>
internal static class RepositoryFiles
{
    /// <summary>The folder that holds run.sh.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A file or folder of the repository.</summary>
    public static string At(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>A file or folder under tests/fixtures.</summary>
    public static string Fixture(params string[] parts) => Path.Combine([Root, "tests", "fixtures", .. parts]);

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
