using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;
using static TorchSharp.torch;

namespace TorchKv.Cli.Tests;

/// <summary>Logits that are not numbers are refused by every command with one sentence.</summary>
public sealed class NotFiniteTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public NotFiniteTests()
    {
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "untied-head"));
        using (no_grad())
        {
            model.tok_emb.weight![5].fill_(float.NaN);
        }

        model.save_pretrained(_folder.Path);
        File.WriteAllText(_folder["ids.json"], "[1, 5, 2]");
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("generate", "--prompt-ids", "1,5")]
    [InlineData("generate", "--prompt-ids", "1,5", "--json")]
    [InlineData("generate", "--prompt-ids", "1,5", "--cache", "static")]
    [InlineData("logits", "--prompt-ids", "1,5")]
    [InlineData("logits", "--prompt-ids", "1,5", "--json")]
    [InlineData("logits", "--prompt-ids", "1,5", "--output", "FILE")]
    [InlineData("perplexity", "--ids-file", "IDS")]
    [InlineData("compare", "--prompt-ids", "1,5", "--new-tokens", "2")]
    public async Task TheRefusalIsOneSentence(params string[] arguments)
    {
        arguments = [.. arguments.Select(argument => argument switch
        {
            "IDS" => _folder["ids.json"],
            "FILE" => _folder["x.safetensors"],
            _ => argument,
        })];
        foreach (var runner in arguments.Contains("--cache") ? ["torch"] : (string[])["cpu", "torch"])
        {
            await Fails("logits hold NaN or infinity", [.. arguments, "--model", _folder.Path, "--runner", runner]);
        }

        Assert.False(File.Exists(_folder["x.safetensors"]));
    }
}
