using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

/// <summary>
/// Ids that the model has no embedding for are refused by name wherever they enter: from a list, or from a larger
/// tokenizer.
/// </summary>
public sealed class VocabularyTests : IDisposable
{
    private const string Words = "but the model's vocabulary has ids 0 to 210";

    private readonly TemporaryFolder _folder = new();

    public VocabularyTests()
    {
        foreach (var file in new[] { "config.json", "model.safetensors" })
        {
            File.Copy(RepositoryFiles.Fixture("hf", "gelu-new", file), _folder[file]);
        }

        foreach (var file in new[] { "vocab.json", "merges.txt" })
        {
            File.Copy(RepositoryFiles.Weights("storyteller", file), _folder[file]);
        }

        File.WriteAllText(_folder["text.txt"], "Once upon a time");
        File.WriteAllText(_folder["ids.json"], "[1, 211]");
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("the prompt", "generate", "--prompt", "Once upon a time")]
    [InlineData("the prompt", "generate", "--prompt-ids", "1,211")]
    [InlineData("the prompt", "generate", "--prompt", "Once upon a time", "--cache", "static")]
    [InlineData("the prompt", "logits", "--prompt", "Once upon a time")]
    [InlineData("the prompt", "logits", "--prompt-ids", "211")]
    [InlineData("the prompt", "compare", "--prompt", "Once upon a time", "--new-tokens", "2")]
    [InlineData("text.txt", "perplexity", "--file", "text.txt")]
    [InlineData("ids.json", "perplexity", "--ids-file", "ids.json")]
    public async Task AnIdPastTheVocabularyIsRefusedByName(string name, params string[] arguments)
    {
        arguments = [.. arguments.Select(
            argument => argument is "text.txt" or "ids.json" ? _folder[argument] : argument), "--model", _folder.Path];
        foreach (var runner in arguments.Contains("--cache") ? ["torch"] : (string[])["cpu", "torch"])
        {
            await Fails($"{name} holds the token id", [.. arguments, "--runner", runner]);
            await Fails(Words, [.. arguments, "--runner", runner]);
        }
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("torch")]
    public async Task AChatRefusesSuchAnIdAndContinues(string runner)
    {
        var chat = await WithInput(
            "Once upon a time\n/branches\n", "chat", "--model", _folder.Path, "--runner", runner);
        Assert.Equal((0, "* main  0 turns, 0 tokens\n"), (chat.ExitCode, chat.Out));
        Assert.Contains("the line holds the token id", chat.Error);
        Assert.Contains(Words, chat.Error);
    }
}
