using System.IO.Compression;
using System.Security;
using System.Xml.Linq;
using TorchKv.Packages.Tests;
using TorchKv.TestSupport;

[assembly: AssemblyFixture(typeof(PackedSolution))]

namespace TorchKv.Packages.Tests;

/// <summary>
/// The packages in a folder, and the README's programs restored from it and built, outside the repository. Nothing is
/// fetched: what else they need comes from the package cache of this machine.
/// </summary>
public sealed class PackedSolution : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>Why nothing could be restored; null: it was.</summary>
    private string? _missing;

    /// <summary>The folder of .nupkg and .snupkg files.</summary>
    public string Feed => _folder["feed"];

    /// <summary>A folder with <c>weights</c> and <c>nuget.config</c>, in which programs are run.</summary>
    public string Outside => _folder.Path;

    /// <summary>What a build of a stranger's project is told.</summary>
    internal Dictionary<string, string> Environment => new() { ["NUGET_PACKAGES"] = _folder["packages"] };

    private static string MachineCache => System.Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    public async ValueTask InitializeAsync()
    {
        var packed = await Shell.Run(
            RepositoryFiles.Root, "dotnet", null, "msbuild", "tools/packages/packages.proj", $"-p:Into={Feed}", "-v:q", "-nologo", "-m:2");
        Assert.True(packed.ExitCode == 0, packed.Everything);
        Directory.CreateSymbolicLink(_folder["weights"], RepositoryFiles.At("weights"));
        WriteConfiguration();
        var projects = ReadmeProgram.All.Where(program => Missing(program) is null).Select(WriteProject).ToList();
        System.IO.File.WriteAllText(_folder["all.proj"], $"""
            <Project>
              <ItemGroup><Program Include="{string.Join(';', projects)}" /></ItemGroup>
              <Target Name="Build">
                <MSBuild Projects="@(Program)" Targets="Restore" BuildInParallel="true" Properties="MSBuildRestoreSessionId=1" />
                <MSBuild Projects="@(Program)" Targets="Build" BuildInParallel="true" />
              </Target>
            </Project>
            """);

        // Links instead of copies: libtorch is 1 GB with the files of all systems.
        var built = await Shell.Run(
            Outside, "dotnet", Environment, "msbuild", "all.proj", "-v:q", "-nologo", "-m:2", "-p:CreateSymbolicLinksForCopyLocalIfPossible=true", "-p:NuGetAudit=false");
        if (built.ExitCode != 0 && built.Everything.Split('\n').FirstOrDefault(IsAbsence) is { } line)
        {
            _missing = line;
            return;
        }

        Assert.True(built.ExitCode == 0, built.Everything);
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>A program's assembly.</summary>
    internal string Assembly(ReadmeProgram program)
    {
        Assert.SkipWhen((Missing(program) ?? _missing) is not null, Missing(program) ?? _missing ?? "");
        return _folder[Path.Combine(program.Folder, "bin", "Debug", "net10.0", $"{program.Folder}.App.dll")];
    }

    /// <summary>A package's description, which names what it depends on.</summary>
    internal XElement Description(string package)
    {
        using var zip = ZipFile.OpenRead(File(package, "nupkg"));
        using var stream = zip.GetEntry($"{package}.nuspec")!.Open();
        return XDocument.Load(stream).Root!;
    }

    internal string File(string package, string extension) => Path.Combine(Feed, $"{package}.{Version}.{extension}");

    /// <summary>The version that all packages have.</summary>
    private string Version => Path.GetFileNameWithoutExtension(Directory.GetFiles(Feed, "TorchKv.Runtime.*.nupkg").Single())["TorchKv.Runtime.".Length..];

    /// <summary>Says which package that is none of the repository's own is not on this machine in the version asked for.</summary>
    private static string? Missing(ReadmeProgram program) => program.Packages
        .Where(package => package.Version is not null && !Directory.Exists(Path.Combine(MachineCache, package.Name.ToLowerInvariant(), package.Version)))
        .Select(package => $"{package.Name} {package.Version} is not in the package cache of this machine.")
        .FirstOrDefault();

    // NU1101 to NU1103: no source has the package, or not in that version.
    private static bool IsAbsence(string line) => line.Contains("error NU110", StringComparison.Ordinal) && !line.Contains("Unable to find package TorchKv", StringComparison.Ordinal);

    /// <summary>
    /// Packages come from the feed, else from the cache, which is linked without what an earlier version of these
    /// packages left there.
    /// </summary>
    private void WriteConfiguration()
    {
        Directory.CreateDirectory(_folder["cache"]);
        foreach (var package in Directory.EnumerateDirectories(MachineCache).Where(path => !Path.GetFileName(path).StartsWith("torchkv", StringComparison.Ordinal)))
        {
            Directory.CreateSymbolicLink(Path.Combine(_folder["cache"], Path.GetFileName(package)), package);
        }

        System.IO.File.WriteAllText(_folder["nuget.config"], $"""
            <configuration>
              <packageSources><clear /><add key="feed" value="{SecurityElement.Escape(Feed)}" /></packageSources>
              <fallbackPackageFolders><clear /><add key="cache" value="{SecurityElement.Escape(_folder["cache"])}" /></fallbackPackageFolders>
              <packageSourceMapping><clear /></packageSourceMapping>
            </configuration>
            """);
    }

    /// <summary>Writes what <c>dotnet new</c> and <c>dotnet add package</c> write, and the program as printed.</summary>
    private string WriteProject(ReadmeProgram program)
    {
        var sdk = program.Template switch
        {
            "console" => "Microsoft.NET.Sdk",
            "web" => "Microsoft.NET.Sdk.Web",
            _ => throw new InvalidDataException($"README.md: dotnet new {program.Template} is no template that this test knows."),
        };
        var references = program.Packages.Select(package => $"""<PackageReference Include="{package.Name}" Version="{package.Version ?? Version}" />""");
        Directory.CreateDirectory(_folder[program.Folder]);
        System.IO.File.WriteAllText(_folder[Path.Combine(program.Folder, "Program.cs")], program.Code);
        var project = Path.Combine(program.Folder, $"{program.Folder}.App.csproj");
        System.IO.File.WriteAllText(_folder[project], $"""
            <Project Sdk="{sdk}">
              <PropertyGroup>
                {(program.Template == "console" ? "<OutputType>Exe</OutputType>" : "")}
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
              </PropertyGroup>
              <ItemGroup>{string.Concat(references)}</ItemGroup>
            </Project>
            """);
        return project;
    }
}
