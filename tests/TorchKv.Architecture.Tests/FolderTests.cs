using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace TorchKv.Architecture.Tests;

/// <summary>What the source files themselves must keep to, since compiled code no longer shows it.</summary>
public sealed partial class FolderTests
{
    private static readonly string[] Sources = [.. SourceFiles.Under("src"), .. SourceFiles.Under("benchmarks")];

    [Fact]
    public void AFolderIsANamespace()
    {
        var wrong = Sources
            .Select(path => (Path: path, Expected: NamespaceOfFolder(path), Found: Declared(NamespaceLine(), path).FirstOrDefault()))
            .Where(file => file.Found is not null && file.Found != file.Expected)
            .Select(file => $"{SourceFiles.Relative(file.Path)}: {file.Found}, not {file.Expected}");
        Mistakes.AssertNone(wrong);
    }

    [Fact]
    public void AFileDeclaresOneType()
    {
        var wrong = Sources
            .Select(path => (Path: path, Types: Declared(TypeLine(), path)))
            .Where(file => file.Types.Length > 1)
            .Select(file => $"{SourceFiles.Relative(file.Path)}: {string.Join(", ", file.Types)}");
        Mistakes.AssertNone(wrong);
    }

    [Fact]
    public void NoLineHasMoreThan120Columns()
    {
        var wrong = SourceFiles.Under("src")
            .SelectMany(path => File.ReadLines(path).Select((line, i) => (Path: path, Number: i + 1, line.Length)))
            .Where(line => line.Length > 120)
            .Select(line => $"{SourceFiles.Relative(line.Path)}, line {line.Number}: {line.Length} columns");
        Mistakes.AssertNone(wrong);
    }

    private static string[] Declared(Regex line, string path)
        => [.. line.Matches(File.ReadAllText(path)).Select(match => match.Groups[1].Value).Distinct()];

    private static string NamespaceOfFolder(string path)
    {
        var folder = Path.GetDirectoryName(path)!;
        var below = new Stack<string>();
        string[] projects;
        while ((projects = Directory.GetFiles(folder, "*.csproj")).Length == 0)
        {
            below.Push(Path.GetFileName(folder));
            folder = Path.GetDirectoryName(folder)!;
        }

        var root = XDocument.Load(projects[0]).Descendants("RootNamespace").SingleOrDefault()?.Value
            ?? Path.GetFileNameWithoutExtension(projects[0]);
        return string.Join('.', below.Prepend(root));
    }

    [GeneratedRegex(@"^namespace ([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(
        @"^(?:public|internal|file)\s+(?:\w+ )*?(?:record struct|record class|record|class|struct|interface|enum)\s+(\w+)",
        RegexOptions.Multiline)]
    private static partial Regex TypeLine();
}
