using System.Text.Json;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

/// <summary><c>compare</c> with random weights from a seed.</summary>
[Collection(nameof(TorchGenerator))]
public class CompareRandomWeightsTests
{
    [Theory]
    [InlineData("article-small")]
    [InlineData("article-biased")]
    public async Task RandomWeightsFromTheSeedMakeTheArticlesTokens(string name)
    {
        using var folder = new TemporaryFolder();
        var golden = JsonDocument.Parse(
            File.ReadAllText(RepositoryFiles.Fixture("article", name + ".json"))).RootElement;
        File.WriteAllText(folder["config.json"], golden.GetProperty("config").GetRawText());
        var expected = golden.GetProperty("static")[0].EnumerateArray().Select(id => id.GetInt32()).ToArray();
        var prompt = golden.GetProperty("prompt")[0].EnumerateArray().Select(id => id.GetInt32()).ToArray();
        var json = (await Of(
            "compare", "--config", folder["config.json"], "--seed", $"{golden.GetProperty("seed").GetUInt64()}",
            "--prompt-ids", string.Join(',', prompt), "--new-tokens", $"{expected.Length - prompt.Length}",
            "--json")).Json;
        foreach (var variant in json.GetProperty("variants").EnumerateArray().Where(
            variant => variant.GetProperty("cache").GetString() != "quantized"))
        {
            Assert.Equal(expected, variant.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        }
    }

    [Theory]
    [InlineData(9)]
    [InlineData(16)]
    public async Task AWindowOfTheConfigurationIsTheSlidingWindows(int window)
    {
        using var folder = new TemporaryFolder();
        var golden = JsonDocument.Parse(
            File.ReadAllText(RepositoryFiles.Fixture("article", "article-small.json"))).RootElement;
        var config = golden.GetProperty("config").EnumerateObject().ToDictionary(
            member => member.Name, member => member.Value.Clone());
        config["kv_window_size"] = JsonSerializer.SerializeToElement(window);
        File.WriteAllText(folder["config.json"], JsonSerializer.Serialize(config));
        var expected = golden.GetProperty($"window_{window}")[0].EnumerateArray().Select(id => id.GetInt32()).ToArray();
        var prompt = golden.GetProperty("prompt")[0].EnumerateArray().Select(id => id.GetInt32()).ToArray();
        var json = (await Of(
            "compare", "--config", folder["config.json"], "--seed", $"{golden.GetProperty("seed").GetUInt64()}",
            "--prompt-ids", string.Join(',', prompt), "--new-tokens", $"{expected.Length - prompt.Length}",
            "--json")).Json;
        var windowed = json.GetProperty("variants").EnumerateArray().Single(
            variant => variant.GetProperty("cache").GetString() == "sliding-window");
        Assert.Equal(expected, windowed.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.False(json.GetProperty("same").GetBoolean());
    }
}
