using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Contracts.Live;
using TorchKv.Runtime.Tests.Text;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>The phases that a watched request with a constraint goes through.</summary>
public sealed class WatchedPhaseTests
{
    private static readonly int[] s_prompt = [5, 6, 7];

    [Fact]
    public async Task ACompilingConstraintShowsWhileItCompiles()
    {
        using var compiles = new SemaphoreSlim(0);
        await using var engine = new Engine(new FakeRunner(64), Tokenizers.Storyteller);
        await using var watch = await engine.WatchAsync();
        var generation = engine.Submit(s_prompt, new() { Constraint = Slow(compiles), Priority = 3 });
        var compiling = Assert.Single((await watch.ChangesAsync())!.Requests);
        Assert.Equal(LivePhase.Compile, compiling.Phase);
        Assert.Equal(1, compiling.Number);
        Assert.Equal(3, compiling.Priority);
        Assert.Equal(s_prompt.Length, compiling.PromptTokens);

        // It grows with every look, and a request without a constraint passes it.
        await Alone.Read(engine.GenerateAsync(s_prompt, new() { MaxNewTokens = 2 }));
        var changes = (await watch.ChangesAsync())!;
        Assert.Equal([2L, 1L], changes.Requests.Select(request => request.Number));
        var grown = changes.Requests[1];
        Assert.Equal(LivePhase.Compile, Assert.Single(grown.Spans).Phase);
        Assert.True(grown.Spans[0].To > compiling.Spans[0].To);

        compiles.Release();
        await generation.Completion;
        var done = (await watch.SnapshotAsync()).Requests.Single(request => request.Number == 1);
        Assert.Equal(LivePhase.Done, done.Phase);
        Assert.Equal(
            [LivePhase.Compile, LivePhase.Queued, LivePhase.Prefill, LivePhase.Decode],
            done.Spans.Select(span => span.Phase));
        Assert.Equal(done.SubmittedAt, done.Spans[0].From);
        Assert.Equal(done.Spans[0].To, done.Spans[1].From);
    }

    [Fact]
    public async Task ACompilationBeforeTheWatchShowsAfterwards()
    {
        using var compiles = new SemaphoreSlim(0);
        await using var engine = new Engine(new FakeRunner(64), Tokenizers.Storyteller);
        var generation = engine.Submit(s_prompt, new() { Constraint = Slow(compiles) });
        await using var watch = await engine.WatchAsync();
        Assert.Empty((await watch.SnapshotAsync()).Requests);
        compiles.Release();
        await generation.Completion;
        var done = Assert.Single((await watch.SnapshotAsync()).Requests);
        Assert.Equal(LivePhase.Compile, done.Spans[0].Phase);
        Assert.True(done.Spans[0].From < 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ACompilationThatEndsItsRequestShowsTheEnd(bool isCancelled)
    {
        using var compiles = new SemaphoreSlim(0);
        await using var engine = new Engine(new FakeRunner(64), Tokenizers.Storyteller);
        await using var watch = await engine.WatchAsync();
        var generation = engine.Submit(s_prompt, new()
        {
            Constraint = Slow(compiles, isCancelled ? null : new ConstraintException("no such keyword", "#", "not")),
        });
        Assert.Equal(LivePhase.Compile, Assert.Single((await watch.ChangesAsync())!.Requests).Phase);
        if (isCancelled)
        {
            generation.Cancel();
        }

        compiles.Release();
        await Record.ExceptionAsync(() => generation.Completion);
        var ended = Assert.Single((await watch.ChangesAsync())!.Requests);
        Assert.Equal(isCancelled ? LivePhase.Cancelled : LivePhase.Failed, ended.Phase);
        Assert.NotNull(ended.EndedAt);
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    private static TokenTrieConstraint Slow(SemaphoreSlim gate, Exception? failure = null) => new([1, 2, 3, 4, 5, 6])
    {
        WritesForcedTokens = false,
        Preparing = async token =>
        {
            await gate.WaitAsync(token);
            if (failure is not null)
            {
                throw failure;
            }
        },
    };
}
