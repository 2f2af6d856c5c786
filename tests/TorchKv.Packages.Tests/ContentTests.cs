using System.IO.Compression;
using System.Text;
using System.Xml.Linq;
using TorchKv.TestSupport;

namespace TorchKv.Packages.Tests;

/// <summary>What is in the packages, and what they ask for.</summary>
public sealed class ContentTests(PackedSolution packed)
{
    public static TheoryData<string> Libraries { get; } = ["TorchKv.Runtime", "TorchKv", "TorchKv.PortChecker", "TorchKv.Structured", "TorchKv.Extensions.AI", "TorchKv.Server"];

    public static TheoryData<string> Packages { get; } = [.. Libraries.Select(row => row.Data), "TorchKv.Tool"];

    [Fact]
    public void NothingElseIsAPackage() =>
        Assert.Equal(
            Packages.Select(row => row.Data).Order(StringComparer.Ordinal),
            Directory.GetFiles(packed.Feed, "*.nupkg").Select(path => Id(Path.GetFileName(path))).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("TorchKv.Runtime", "Microsoft.ML.Tokenizers")]
    [InlineData("TorchKv", "TorchKv.Runtime", "TorchSharp")]
    [InlineData("TorchKv.PortChecker", "TorchKv.Runtime", "TorchSharp")]
    [InlineData("TorchKv.Structured", "TorchKv.Runtime")]
    [InlineData("TorchKv.Extensions.AI", "Microsoft.Extensions.AI.Abstractions", "Microsoft.Extensions.Hosting.Abstractions", "TorchKv.Runtime", "TorchKv.Structured")]
    [InlineData("TorchKv.Tool")]
    public void APackageAsksForNoMoreThanItNeeds(string package, params string[] needed) =>
        Assert.Equal(
            needed,
            packed.Description(package).Descendants().Where(element => element.Name.LocalName == "dependency").Select(element => (string)element.Attribute("id")!).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Packages))]
    public void APackageSaysWhatItIsAndUnderWhichLicence(string package)
    {
        var description = packed.Description(package);
        Assert.Equal("MIT", Value(description, "license"));
        Assert.Equal("README.md", Value(description, "readme"));
        Assert.True(Value(description, "description").Length > 40, Value(description, "description"));
        using var zip = ZipFile.OpenRead(packed.File(package, "nupkg"));
        Assert.Contains(zip.Entries, entry => entry.FullName == "README.md" && entry.Length > 300);
    }

    [Theory]
    [MemberData(nameof(Libraries))]
    public void ALibraryHasItsDocumentationAndItsSymbols(string package)
    {
        using var zip = ZipFile.OpenRead(packed.File(package, "nupkg"));
        using var symbols = ZipFile.OpenRead(packed.File(package, "snupkg"));
        Assert.Contains(zip.Entries, entry => entry.FullName == $"lib/net10.0/{package}.dll");
        Assert.Contains(zip.Entries, entry => entry.FullName == $"lib/net10.0/{package}.xml" && entry.Length > 10_000);
        Assert.Contains(symbols.Entries, entry => entry.FullName == $"lib/net10.0/{package}.pdb");
    }

    [Theory]
    [MemberData(nameof(Packages))]
    public void NoFileNamesTheFolderThatItWasBuiltIn(string package)
    {
        foreach (var file in (string[])[packed.File(package, "nupkg"), packed.File(package, "snupkg")])
        {
            using var zip = ZipFile.OpenRead(file);
            Assert.NotEmpty(zip.Entries);
            foreach (var entry in zip.Entries)
            {
                using var stream = entry.Open();
                using var bytes = new MemoryStream();
                stream.CopyTo(bytes);
                foreach (var encoding in (Encoding[])[Encoding.UTF8, Encoding.Unicode])
                {
                    Assert.True(bytes.ToArray().AsSpan().IndexOf(encoding.GetBytes(RepositoryFiles.Root)) < 0, $"{package}: {entry.FullName}");
                }
            }
        }
    }

    [Fact]
    public void TheToolHasNoNativeLibrary()
    {
        using var zip = ZipFile.OpenRead(packed.File("TorchKv.Tool", "nupkg"));
        Assert.DoesNotContain(zip.Entries, entry => entry.FullName.Contains("/runtimes/", StringComparison.Ordinal));
        Assert.Contains(zip.Entries, entry => entry.FullName.EndsWith("/weights/storyteller/model.safetensors", StringComparison.Ordinal));
    }

    private static string Value(XElement description, string name) =>
        description.Descendants().Single(element => element.Name.LocalName == name).Value;

    /// <summary>A file's name without its version.</summary>
    private static string Id(string file) => string.Join('.', file.Split('.').TakeWhile(part => !char.IsAsciiDigit(part[0])));
}
