using TorchKv.Cli.Commands;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class PerplexityCommandTests
{
    private static readonly string s_storyteller = RepositoryFiles.Weights("storyteller");

    [Theory]
    [InlineData("512", "cpu")]
    [InlineData("256", "cpu")]
    [InlineData("512", "torch")]
    [InlineData("256", "torch")]
    public async Task HeldOutTextHasHuggingFacesPerplexity(string stride, string runner)
    {
        var expected = Storyteller.Golden.GetProperty("heldout").GetProperty($"stride_{stride}");
        var json = (await Of(
            "perplexity",
            "--model",
            s_storyteller,
            "--file",
            RepositoryFiles.Fixture("storyteller", "heldout.txt"),
            "--stride",
            stride,
            "--json",
            "--runner",
            runner)).Json;
        Assert.Equal(["nll", "perplexity", "tokens"], Keys(json));
        Assert.Equal(expected.GetProperty("nll").GetDouble(), json.GetProperty("nll").GetDouble(), 1e-5);
        Assert.Equal(expected.GetProperty("perplexity").GetDouble(), json.GetProperty("perplexity").GetDouble(), 1e-4);
        Assert.Equal(expected.GetProperty("tokens").GetInt32(), json.GetProperty("tokens").GetInt32());
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("torch")]
    public async Task IdsOfAFileAreScoredAsInHuggingFace(string runner)
    {
        using var folder = new TemporaryFolder();
        var (model, golden) = (HuggingFaceCase.Load("gelu-new").Folder, HuggingFaceCase.Load("gelu-new").Golden);
        for (var row = 0; row < 2; row++)
        {
            File.WriteAllText(folder["ids.json"], golden.GetProperty("batch_ids")[row].GetRawText());
            var json = (await Of(
                "perplexity", "--model", model, "--ids-file", folder["ids.json"], "--json", "--runner", runner)).Json;
            Assert.Equal(golden.GetProperty("nll")[row].GetDouble(), json.GetProperty("nll").GetDouble(), 1e-4);
            Assert.Equal(15, json.GetProperty("tokens").GetInt32());
        }
    }

    [Theory]
    [InlineData(12394, 512, 512, 12369)]
    [InlineData(12394, 512, 256, 12393)]
    [InlineData(100, 10, 1, 99)]
    [InlineData(3, 10, 10, 2)]
    [InlineData(1, 10, 10, 0)]
    [InlineData(11, 10, 10, 9)]
    [InlineData(21, 10, 10, 18)]
    [InlineData(5, 1, 1, 0)]
    public void EachTokenIsScoredOnceInItsFirstWindow(int tokens, int context, int stride, int expected)
    {
        var scored = new HashSet<int>();
        foreach (var (start, length, first) in PerplexityCommand.Windows(tokens, context, stride))
        {
            Assert.InRange(length, 2, context);
            Assert.InRange(first, 1, length - 1);
            Assert.Equal(0, start % stride);
            Assert.All(Enumerable.Range(start + first, length - first), position => Assert.True(scored.Add(position)));
        }

        Assert.Equal(expected, scored.Count);
    }

    [Theory]
    [InlineData("is not JSON", "[1, 2")]
    [InlineData("has to be a JSON array", "{}")]
    [InlineData("element 1 is not one", "[1, \"a\"]")]
    [InlineData("element 0 is not one", "[1.5]")]
    [InlineData("holds the token id 4096", "[1, 4096]")]
    [InlineData("holds the token id -1", "[1, -1]")]
    [InlineData("it takes two at least", "[1]")]
    public async Task IdsThatCannotBeScoredAreRefusedByName(string words, string json)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["ids.json"], json);
        await Fails(words, "perplexity", "--model", s_storyteller, "--ids-file", folder["ids.json"]);
    }

    [Fact]
    public Task AStridePastTheContextIsRefused() =>
        RefusesUsage(
            "--stride 513 would pass over tokens",
            "perplexity",
            "--model",
            s_storyteller,
            "--file",
            RepositoryFiles.Fixture("storyteller", "heldout.txt"),
            "--stride",
            "513");

    [Fact]
    public Task WithoutATextTheTwoWaysAreNamed() =>
        RefusesUsage("--file TEXT or --ids-file JSON", "perplexity");
}
