using System.Text.Json;
using TorchKv.Runtime.Cpu;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class InfoCommandTests
{
    [Fact]
    public async Task JsonHasExactlyTheKeysThatScriptsRead()
    {
        var json = (await Of("info", "--json")).Json;
        Assert.Equal(["version", "binding", "libtorch", "devices", "cpu_features"], Keys(json));
        Assert.Contains(json.GetProperty("binding").GetString(), (string[])["nuget", "system"]);
        Assert.Matches(@"^\d+\.\d+", json.GetProperty("libtorch").GetString());
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
}
