using System.Text.Json;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class InfoCommandTests
{
    [Fact]
    public async Task JsonHasExactlyTheKeysThatScriptsRead()
    {
        var json = (await Of("info", "--json")).Json;
        Assert.Equal(["version", "torchsharp", "libtorch", "tokenizers", "devices", "cpu_features"], Keys(json));
        foreach (var key in (string[])["torchsharp", "libtorch", "tokenizers"])
        {
            Assert.Matches(@"^\d+\.\d+\.\d+$", json.GetProperty(key).GetString());
        }

        Assert.Equal("cpu", json.GetProperty("devices")[0].GetString());
        Assert.Equal(JsonValueKind.Array, json.GetProperty("cpu_features").ValueKind);
    }

    [Fact]
    public async Task AModelsCardIsShownWithItsShape()
    {
        var run = await Of("info", "--model", RepositoryFiles.Weights("storyteller"));
        Assert.Contains("6 layers, 8 heads of 32, width 256, context 512", run.Out);
        Assert.Contains("5,918,720", run.Out);
    }

    [Fact]
    public async Task LibtorchsIdleThreadsSpinForMicrosecondsOnly()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "libgomp is Linux's.");
        var start = ChildProcess.StartInfo(AppContext.BaseDirectory, "info", "--json");
        start.Environment.Remove("GOMP_SPINCOUNT");
        start.Environment.Remove("OMP_WAIT_POLICY");
        start.Environment["OMP_DISPLAY_ENV"] = "VERBOSE";

        using var process = ChildProcess.Start(start);
        process.StandardInput.Close();
        var run = await ChildProcess.Finish(process);

        Assert.Contains("GOMP_SPINCOUNT = '1000'", run.Error, StringComparison.Ordinal);
    }
}
