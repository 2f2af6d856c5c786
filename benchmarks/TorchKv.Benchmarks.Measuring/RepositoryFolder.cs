namespace TorchKv.Benchmarks.Measuring;

/// <summary>The repository that this program was built in.</summary>
internal static class RepositoryFolder
{
    private static readonly Lazy<string> s_root = new(Find);

    /// <summary>A path in it.</summary>
    public static string At(params ReadOnlySpan<string> parts) => Path.Combine([s_root.Value, .. parts]);

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "run.sh")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException($"There is no run.sh in a folder above {AppContext.BaseDirectory}.");
    }
}
