using TorchKv.Runtime.Contracts;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

[Trait("speed", "fast")]
public sealed class EngineLoadingTests
{
    private static readonly string s_wordPiece = RepositoryFiles.Fixture("reports", "c-wp");

    [Fact]
    public async Task AnUnusableTokenizerDoesNotPreventIds()
    {
        await using var engine = await Engine.LoadAsync(s_wordPiece);

        Assert.Null(engine.Tokenizer);
        var problem = engine.TokenizerProblem!.TrimEnd('.');
        Assert.Contains("tokenizer.json", problem);
        Assert.Equal(4, (await Alone.Read(engine.GenerateAsync([1, 2, 3], new() { MaxNewTokens = 4 })))[0].Count);
        await using var session = engine.StartSession();
        var text = Assert.Throws<RequestException>(() => engine.GenerateAsync("text"));
        var stop = Assert.Throws<RequestException>(() => engine.GenerateAsync([1], new() { Stop = ["."] }));
        var turn = Assert.Throws<RequestException>(() => session.ContinueAsync("text"));
        Assert.All([text, stop, turn], refusal => Assert.Contains(problem, refusal.Message));
    }

    [Fact]
    public async Task AFolderWithoutATokenizerIsNoProblem()
    {
        using var folder = new TemporaryFolder();
        FormulaCheckpoint.Write(
            folder.Path,
            new() { VocabSize = 11, ContextLength = 8, EmbeddingSize = 4, LayerCount = 1, HeadCount = 2 });
        await using var engine = await Engine.LoadAsync(folder.Path);

        Assert.Null(engine.Tokenizer);
        Assert.Null(engine.TokenizerProblem);
        Assert.Contains(
            "no vocabulary", Assert.Throws<RequestException>(() => engine.GenerateAsync("text")).Message);
    }
}
