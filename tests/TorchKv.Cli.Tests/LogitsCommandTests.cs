using TorchKv.Cli.Commands;
using TorchKv.Runtime.Checkpoints;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class LogitsCommandTests
{
    private static readonly string s_storyteller = RepositoryFiles.Weights("storyteller");

    [Theory]
    [InlineData("cpu")]
    [InlineData("torch")]
    public async Task TheTenBestAreHuggingFaces(string runner)
    {
        foreach (var prompt in Storyteller.Golden.GetProperty("prompts").EnumerateArray())
        {
            var json = (await Of(
                "logits",
                "--model",
                s_storyteller,
                "--prompt",
                prompt.GetProperty("prompt").GetString()!,
                "--top",
                "10",
                "--json",
                "--runner",
                runner)).Json;
            Assert.Equal(["top", "tokens"], Keys(json));
            var top = json.GetProperty("top").EnumerateArray().ToList();
            Assert.All(top, entry => Assert.Equal(["id", "logit"], Keys(entry)));
            Assert.Equal(
                prompt.GetProperty("top_ids").EnumerateArray().Select(id => id.GetInt32()),
                top.Select(entry => entry.GetProperty("id").GetInt32()));
            foreach (var (entry, expected) in top.Zip(prompt.GetProperty("top_logits").EnumerateArray()))
            {
                Assert.Equal(expected.GetDouble(), entry.GetProperty("logit").GetDouble(), 2e-4);
            }
        }
    }

    [Theory]
    [InlineData("cpu", "16")]
    [InlineData("torch", "16")]
    [InlineData("cpu", "5,7,4")]
    [InlineData("torch", "5,7,4")]
    [InlineData("cpu", "5,1,1,1,1,1,1,1,1,1,1,1")]
    [InlineData("torch", "5,1,1,1,1,1,1,1,1,1,1,1")]
    public async Task HoweverThePromptIsCutHuggingFacesNumbersAreWritten(string runner, string chunks)
    {
        using var folder = new TemporaryFolder();
        var golden = HuggingFaceCase.Load("gelu-new");
        for (var row = 0; row < 2; row++)
        {
            var ids = string.Join(',', golden.Ids("batch_ids")[row]);
            var file = folder["logits.safetensors"];
            var run = await Of(
                "logits",
                "--model",
                golden.Folder,
                "--prompt-ids",
                ids,
                "--chunks",
                chunks,
                "--output",
                file,
                "--with-cache",
                "--runner",
                runner);
            Assert.Equal(new CommandLineRun(0, "", ""), run);
            using var ours = SafetensorsFile.Open(file);
            Assert.Equal([16, 211], ours["logits"].Shape.AsEnumerable());
            Close.To(golden.Tensors["full.logits"].Row(row), Values(ours["logits"]));
            for (var layer = 0; layer < 3; layer++)
            {
                Assert.Equal([4, 16, 12], ours[$"cache_k.{layer}"].Shape.AsEnumerable());
                Close.To(golden.Tensors[$"full.cache_k.{layer}"].Row(row), Values(ours[$"cache_k.{layer}"]));
                Close.To(golden.Tensors[$"full.cache_v.{layer}"].Row(row), Values(ours[$"cache_v.{layer}"]));
            }

            Assert.Equal(7, ours.Tensors.Count);
        }
    }

    [Fact]
    public Task ChunksThatDoNotAddUpAreRefused() =>
        RefusesUsage(
            "--chunks sums to 4, but the prompt has 3 tokens",
            "logits",
            "--model",
            s_storyteller,
            "--prompt-ids",
            "1,2,3",
            "--chunks",
            "1,3");

    [Fact]
    public Task AChunkOfNothingIsRefused() =>
        RefusesUsage(
            "--chunks takes a list of whole numbers from 1", "logits", "--prompt-ids", "1,2,3", "--chunks", "0,3");

    [Fact]
    public Task TheCacheGoesIntoAFileOnly() =>
        RefusesUsage("--with-cache goes with --output", "logits", "--prompt-ids", "1", "--with-cache");

    [Fact]
    public Task AFolderThatIsNotThereIsNamed() =>
        Fails(
            "/nowhere/x.safetensors",
            "logits",
            "--model",
            s_storyteller,
            "--prompt-ids",
            "1",
            "--output",
            "/nowhere/x.safetensors");

    [Fact]
    public void OfEqualLogitsTheLowerIdIsTheBetter() =>
        Assert.Equal([3, 1, 2, 0], LogitsCommand.Best([-1, 5, 5, 6, -2, -3], 4));

    private static float[] Values(CheckpointTensor tensor)
    {
        var values = new float[tensor.ElementCount];
        tensor.CopyTo(values);
        return values;
    }
}
