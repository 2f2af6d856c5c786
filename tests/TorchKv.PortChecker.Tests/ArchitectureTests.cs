using System.Text.RegularExpressions;
using TorchKv.TestSupport;

namespace TorchKv.PortChecking.Tests;

public partial class ArchitectureTests
{
    private const string Root = "TorchKv.PortChecking";

    // From the lowest folder to the highest. A folder may use those before it, and the root may use all.
    private static readonly string[] s_folders =
        ["Text", "Traces", "Mapping", "Comparison", "Findings", "Diagnosis", "Report.Words", "Report", ""];

    [Fact]
    public void FoldersUseOnlyLowerFolders()
    {
        var files = Directory.GetFiles(Source, "*.cs", SearchOption.AllDirectories).Where(IsSource).ToArray();

        Assert.NotEmpty(files);
        Assert.All(files, file =>
        {
            var folder = Array.IndexOf(s_folders, FolderOf(file));
            Assert.True(folder >= 0, $"{file} is in a folder that is not listed");
            Assert.All(Usings().Matches(File.ReadAllText(file)), match =>
            {
                // The longest name that the using begins with: a using may be of a type.
                var used = s_folders.Where(name => name.Length > 0)
                    .Where(name => $"{match.Groups[1].Value}.".StartsWith(name + '.', StringComparison.Ordinal))
                    .MaxBy(name => name.Length);
                Assert.True(
                    used == FolderOf(file) || (used is not null && Array.IndexOf(s_folders, used) < folder),
                    $"{file} uses {match.Groups[1].Value}");
            });
        });
    }

    [Fact]
    public void ANamespaceIsItsFolder() => Assert.All(
        Directory.GetFiles(Source, "*.cs", SearchOption.AllDirectories).Where(IsSource),
        file => Assert.Contains($"namespace {$"{Root}.{FolderOf(file)}".TrimEnd('.')};", File.ReadAllText(file)));

    [Fact]
    public void ThePortCheckerDoesNotDependOnThePort() => Assert.DoesNotContain(
        typeof(PortChecker).Assembly.GetReferencedAssemblies(), assembly => assembly.Name == "TorchKv");

    private static string Source => Path.Combine(RepositoryFiles.Root, "src", "TorchKv.PortChecker");

    private static bool IsSource(string file) =>
        !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal);

    private static string FolderOf(string file) =>
        (Path.GetDirectoryName(Path.GetRelativePath(Source, file)) ?? "").Replace(Path.DirectorySeparatorChar, '.');

    [GeneratedRegex(@"^using (?:static )?(?:\w+ = )?TorchKv\.PortChecking\.([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Usings();
}
