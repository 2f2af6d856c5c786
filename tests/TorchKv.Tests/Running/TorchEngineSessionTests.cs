using TorchKv.Running;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.Tests.Running;

/// <summary>Sessions over TorchRunner: turns, forks, files, and whose file it is.</summary>
public class TorchEngineSessionTests
{
    private static readonly string Folder = RepositoryFiles.Fixture("hf", "gelu-new");
    private static readonly GenerationOptions Eight = new() { MaxNewTokens = 8, EosTokenIds = [] };

    [Fact]
    public async Task ATurnEqualsAFreshRunAndComputesOnlyItself()
    {
        var options = new EngineOptions { Scheduling = new SchedulingOptions { PrefixCaching = false } };
        await using var engine = await TorchEngine.LoadAsync(Folder, options);
        await using var session = engine.StartSession();
        var all = new List<int>();
        for (var turn = 0; turn < 4; turn++)
        {
            int[] said = [turn + 118, 182, 181];
            all.AddRange(said);
            var computed = engine.Stats.ComputedTokens;
            var answer = (await EngineReading.Ids(session.ContinueAsync(said, Eight)))[0];
            await engine.SnapshotAsync();
            Assert.Equal(said.Length + (turn > 0 ? 1 : 0) + 7, engine.Stats.ComputedTokens - computed);
            Assert.Equal((await EngineReading.Ids(engine.GenerateAsync(all, Eight)))[0], answer);
            all.AddRange(answer);
            Assert.Equal(all, session.TokenIds);
        }
    }

    [Fact]
    public async Task ForksAndRewindsGoOnAsFreshRunsWould()
    {
        await using var engine = await TorchEngine.LoadAsync(Folder);
        await using var session = engine.StartSession();
        await EngineReading.Ids(session.ContinueAsync([1, 2, 3], Eight));
        await using var fork = await session.ForkAsync();
        int[] common = [.. session.TokenIds];
        Assert.Equal(await Fresh([.. common, 7]), (await EngineReading.Ids(session.ContinueAsync([7], Eight)))[0]);
        Assert.Equal(await Fresh([.. common, 8]), (await EngineReading.Ids(fork.ContinueAsync([8], Eight)))[0]);
        foreach (var keep in new[] { 11, 5, 0 })
        {
            await session.RewindAsync(keep);
            Assert.Equal(
                await Fresh([.. common[..keep], 9]), (await EngineReading.Ids(session.ContinueAsync([9], Eight)))[0]);
        }

        async Task<List<int>> Fresh(int[] prompt) => (await EngineReading.Ids(engine.GenerateAsync(prompt, Eight)))[0];
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public async Task ASavedSessionContinuesElsewhereWithoutComputingItsPast(ScalarType dtype)
    {
        using var folder = new TemporaryFolder();
        var torch = new TorchRunnerOptions { DType = dtype };
        int[] text;
        List<int> expected;
        await using (var engine = await TorchEngine.LoadAsync(Folder, torch: torch))
        {
            await using var session = engine.StartSession();
            await EngineReading.Ids(session.ContinueAsync([.. Enumerable.Range(1, 30)], Eight));
            await session.SaveAsync(folder["session"]);
            text = [.. session.TokenIds];
            expected = (await EngineReading.Ids(session.ContinueAsync([7, 8], Eight)))[0];
        }

        await using var other = await TorchEngine.LoadAsync(Folder, torch: torch);
        await using var restored = await other.RestoreSessionAsync(folder["session"]);
        Assert.Equal(text, restored.TokenIds);
        Assert.Equal(text.Length - 1, restored.ResidentTokens);
        Assert.Equal(expected, (await EngineReading.Ids(restored.ContinueAsync([7, 8], Eight)))[0]);
        await other.SnapshotAsync();
        Assert.Equal(3 + 7, other.Stats.ComputedTokens);
    }

    [Fact]
    public async Task AFileOfAnotherRunnerOrDtypeIsRefused()
    {
        using var folder = new TemporaryFolder();
        await using var engine = await TorchEngine.LoadAsync(Folder);
        await using (var session = engine.StartSession())
        {
            await EngineReading.Ids(session.ContinueAsync([1, 2, 3], Eight));
            await session.SaveAsync(folder["session"]);
        }

        await using var narrow = await TorchEngine.LoadAsync(
            Folder, torch: new TorchRunnerOptions { KvDType = ScalarType.BFloat16 });
        await using var cpu = await Engine.LoadAsync(Folder);
        foreach (var other in new[] { narrow, cpu })
        {
            Assert.NotEqual(engine.ModelIdentity!.ToString(), other.ModelIdentity!.ToString());
            await Assert.ThrowsAsync<SessionFileException>(() => other.RestoreSessionAsync(folder["session"]));
            var passedOver = await other.RestoreSessionAsync(folder["session"], [1, 2, 3]);
            Assert.NotNull(passedOver.RestoreFailure);
            Assert.Equal(8, (await EngineReading.Ids(passedOver.ContinueAsync([4], Eight)))[0].Count);
        }
    }
}
