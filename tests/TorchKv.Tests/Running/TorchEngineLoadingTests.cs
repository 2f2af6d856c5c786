using TorchKv.Running;
using TorchKv.Runtime.Contracts;
using TorchKv.TestSupport;

namespace TorchKv.Tests.Running;

[Trait("speed", "fast")]
public sealed class TorchEngineLoadingTests
{
    [Fact]
    public async Task AnUnusableTokenizerDoesNotPreventIds()
    {
        await using var engine = await TorchEngine.LoadAsync(RepositoryFiles.Fixture("reports", "c-wp"));
        var ids = new List<int>();
        await foreach (var piece in engine.GenerateAsync([1, 2, 3], new() { MaxNewTokens = 4 }))
        {
            ids.AddRange(piece.TokenIds);
        }

        Assert.Equal(4, ids.Count);
        Assert.NotNull(engine.TokenizerProblem);
        var refusal = Assert.Throws<RequestException>(() => engine.GenerateAsync("text"));
        Assert.Contains(engine.TokenizerProblem.TrimEnd('.'), refusal.Message);
    }
}
