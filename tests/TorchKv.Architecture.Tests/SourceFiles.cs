using TorchKv.TestSupport;

namespace TorchKv.Architecture.Tests;

/// <summary>The repository's C# files, without what a build wrote.</summary>
internal static class SourceFiles
{
    /// <summary>The paths of the files under one folder of the repository.</summary>
    public static IEnumerable<string> Under(string folder)
        => Directory.EnumerateFiles(RepositoryFiles.At(folder), "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin"));

    /// <summary>A path as seen from the repository's root.</summary>
    public static string Relative(string path) => Path.GetRelativePath(RepositoryFiles.Root, path);
}
