using TorchKv.Runtime.Contracts;
using TorchKv.Server.Page;
using TorchKv.TestSupport;

namespace TorchKv.Server.Tests.Live;

/// <summary>Files that are no recordings.</summary>
public sealed class ReplayFolderTests
{
    private const string First = """{"type":"snapshot","seq":1,"state":{"time":1,"total_blocks":4,"blocks":[]}}""";

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("\n \r\n", "is empty")]
    [InlineData("not json", "line 1: it is no JSON")]
    [InlineData("{} {}", "line 1: it is no JSON")]
    [InlineData("[1]", "line 1: it is no event")]
    [InlineData("null", "line 1: it is no event")]
    [InlineData("{\"type\":\"step\",\"changes\":{}}", "line 1: a recording begins with a snapshot")]
    [InlineData("{\"type\":\"snapshot\"}", "line 1: it is no event")]
    [InlineData("{\"type\":\"snapshot\",\"state\":{}}", "total_blocks")]
    [InlineData("{\"type\":\"snapshot\",\"state\":{\"total_blocks\":0}}", "total_blocks")]
    [InlineData("{\"type\":\"snapshot\",\"state\":{\"total_blocks\":4000000000}}", "total_blocks")]
    [InlineData("{\"type\":\"snapshot\",\"state\":{\"total_blocks\":4,\"blocks\":7}}", "its blocks are no list")]
    [InlineData(First + "\n{\"type\":\"step\"}", "line 2: it is no event")]
    [InlineData(First + "\n\n{\"type\":\"step\",\"changes\":{\"steps\":{}}}", "line 2: its steps are no list")]
    [InlineData(First + "\n{\"type\":7}", "line 2: it is no event")]
    public void WhatIsNoRecordingIsRefusedWithItsLine(string content, string message)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["recording.jsonl"], content);
        var error = Assert.Throws<RequestException>(() => ReplayFolder.Of(folder["recording.jsonl"]));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(folder["recording.jsonl"], error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ARecordingThatWasCutOffSaysSo()
    {
        using var folder = new TemporaryFolder();
        var demo = File.ReadAllText(RepositoryFiles.At("docs", "page-demo.jsonl")).TrimEnd();
        File.WriteAllText(folder["cut.jsonl"], demo[..^20]);
        var lines = demo.Split('\n').Length;
        var error = Assert.Throws<RequestException>(() => ReplayFolder.Of(folder["cut.jsonl"]));
        Assert.Contains($"line {lines}: it is no JSON. Was the file cut off?", error.Message, StringComparison.Ordinal);
        File.WriteAllText(folder["whole.jsonl"], First + "\r\n\r\n");
        Assert.Contains("index.html", ReplayFolder.Of(folder["whole.jsonl"]).Files.Keys);
    }

    [Fact]
    public void AFileThatIsTooLargeIsNotRead()
    {
        using var folder = new TemporaryFolder();
        using (var file = File.Create(folder["huge.jsonl"]))
        {
            file.SetLength((256L << 20) + 1);
        }

        var error = Assert.Throws<RequestException>(() => ReplayFolder.Of(folder["huge.jsonl"]));
        Assert.Contains("268435457 bytes", error.Message, StringComparison.Ordinal);
    }
}
