using System.Xml.Linq;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public sealed class OutputFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // Nothing else of these command lines is in order: a refusal of the file comes before everything else.
    public static TheoryData<string> CommandsWithAnOutputFile =>
    [
        "simulate --trace none.jsonl --plot",
        "simulate --trace none.jsonl --draw",
        "compare --model none --plot",
        "check-port --trace none.safetensors --article --plot",
        "logits --model none --prompt x --output",
        "chat --model none --session",
    ];

    [Theory]
    [MemberData(nameof(CommandsWithAnOutputFile))]
    public async Task AnEmptyNameIsRefusedInOneSentence(string command)
    {
        var words = command.Split(' ');
        var run = await Of([.. words, ""]);
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith($"torchkv: {words[^1]}: '' is no name of a file.\n", run.Error);
    }

    [Theory]
    [MemberData(nameof(CommandsWithAnOutputFile))]
    public async Task AFolderIsRefusedByName(string command)
    {
        await RefusesUsage($": {_folder.Path} is a folder; name a file.", [.. command.Split(' '), _folder.Path]);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Theory]
    [MemberData(nameof(CommandsWithAnOutputFile))]
    public Task AMissingFolderIsNamedBeforeAnythingIsDone(string command) =>
        Fails($"there is no folder {_folder["none"]}", [.. command.Split(' '), _folder["none/file.svg"]]);

    [Fact]
    public async Task APictureIsWrittenThroughALink()
    {
        File.WriteAllText(_folder["old.svg"], "old");
        File.CreateSymbolicLink(_folder["link.svg"], "old.svg");
        var run = await Of("simulate", "--synthetic", "--requests", "20", "--plot", _folder["link.svg"]);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal("old.svg", new FileInfo(_folder["link.svg"]).LinkTarget);
        Assert.Equal("svg", XDocument.Parse(File.ReadAllText(_folder["old.svg"])).Root!.Name.LocalName);
        Assert.Equal(2, Directory.EnumerateFileSystemEntries(_folder.Path).Count());
    }
}
