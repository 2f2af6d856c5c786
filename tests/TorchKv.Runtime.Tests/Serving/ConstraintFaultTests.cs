using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Tests.Text;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>What a constraint that fails, or takes its time, does to its own request and to no other.</summary>
[Trait("speed", "fast")]
public class ConstraintFaultTests
{
    private static readonly int[] s_prompt = [5, 6, 7];
    private static readonly int[] s_sequence = [1, 2, 3, 4, 5, 6, 7, 8];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AMatcherThatThrowsEndsItsRequestAlone(bool typed)
    {
        var failing = new TokenTrieConstraint(s_sequence)
        {
            Appending = tokens =>
            {
                if (tokens.Count == 4)
                {
                    throw typed ? new ConstraintException("too many states") : new InvalidOperationException("defect");
                }
            },
        };
        var runner = new FakeRunner(64);
        await using var engine = Load(runner);
        var options = new GenerationOptions { MaxNewTokens = 30, EosTokenIds = [] };
        var others = Enumerable.Range(0, 4).Select(i => Alone.Read(engine.GenerateAsync([i, i, i], options))).ToArray();
        var failed = engine.Submit(s_prompt, new() { Constraint = failing });
        var error = await Record.ExceptionAsync(() => failed.Completion.WaitAsync(TimeSpan.FromSeconds(60)));
        if (typed)
        {
            Assert.Equal("too many states", Assert.IsType<ConstraintException>(error).Message);
        }
        else
        {
            Assert.Contains("defect", Assert.IsType<RequestFailedException>(error).Message);
        }

        for (var i = 0; i < others.Length; i++)
        {
            Assert.Equal(Alone.Generate(runner, [i, i, i], options), (await others[i])[0]);
        }

        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task AConstraintThatAllowsNothingEndsItsRequestAlone()
    {
        await using var engine = Load(new FakeRunner(64));
        var error = await Assert.ThrowsAsync<ConstraintException>(
            () => Alone.Read(engine.GenerateAsync(s_prompt, new() { Constraint = new TokenTrieConstraint() })));
        Assert.Contains("after 0 tokens", error.Message);
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task ACancelledPreparationEndsItsRequestAndFreesItsPlace()
    {
        var begun = new TaskCompletionSource();
        var never = new TokenTrieConstraint(s_sequence)
        {
            // It does not look at its token.
            Preparing = _ =>
            {
                begun.TrySetResult();
                return new TaskCompletionSource().Task;
            },
        };
        await using var engine = Load(new FakeRunner(64), maxQueued: 1);
        var generation = engine.Submit(s_prompt, new() { Constraint = never });
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(1, engine.Stats.QueuedRequests);
        Assert.Throws<QueueFullException>(() => engine.Submit(s_prompt));
        generation.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generation.Completion);
        Assert.Equal(0, engine.Stats.QueuedRequests);
        await Alone.Read(engine.GenerateAsync(s_prompt));
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task AReaderThatLeavesCancelsThePreparation()
    {
        var cancelled = new TaskCompletionSource();
        using var leaving = new CancellationTokenSource();
        var constraint = new TokenTrieConstraint(s_sequence)
        {
            Preparing = async token =>
            {
                token.Register(cancelled.SetResult);
                await leaving.CancelAsync();
                await Task.Delay(Timeout.Infinite, token);
            },
        };
        await using var engine = Load(new FakeRunner(64));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Alone.Read(engine.GenerateAsync(s_prompt, new() { Constraint = constraint }, leaving.Token)));
        await cancelled.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task TheDeadlineCountsFromTheSubmission()
    {
        var constraint = new TokenTrieConstraint(s_sequence) { Preparing = _ => new TaskCompletionSource().Task };
        await using var engine = Load(new FakeRunner(64));
        var options = new GenerationOptions { Constraint = constraint, Deadline = TimeSpan.FromMilliseconds(5) };
        await Assert.ThrowsAsync<DeadlineExceededException>(() => Alone.Read(engine.GenerateAsync(s_prompt, options)));
    }

    [Fact]
    public async Task AnEngineThatStopsEndsPreparations()
    {
        var constraint = new TokenTrieConstraint(s_sequence) { Preparing = _ => new TaskCompletionSource().Task };
        var engine = Load(new FakeRunner(64));
        var generation = engine.Submit(s_prompt, new() { Constraint = constraint });
        await engine.DisposeAsync();
        await Assert.ThrowsAsync<EngineClosedException>(
            () => generation.Completion.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AFailedPreparationIsTypedAndLeavesASessionUnchanged(bool typed)
    {
        var constraint = new TokenTrieConstraint(s_sequence)
        {
            Preparing = _ => throw (typed
                ? new ConstraintException("no such keyword", "#/not", "not")
                : new InvalidOperationException("defect")),
        };
        await using var engine = Load(new FakeRunner(64));
        await using var session = engine.StartSession();
        var error = await Record.ExceptionAsync(
            () => Alone.Read(session.ContinueAsync(s_prompt, new() { Constraint = constraint })));
        Assert.IsType(typed ? typeof(ConstraintException) : typeof(RequestFailedException), error);
        Assert.Empty(session.TokenIds);
        await Alone.Read(session.ContinueAsync(s_prompt, new() { MaxNewTokens = 3 }));
        Assert.Equal(s_prompt, session.TokenIds.Take(3));
        Assert.Equal(1, (await engine.SettleAsync()).FailedRequests);
    }

    private static Engine Load(FakeRunner runner, int maxQueued = 100) => new(
        runner,
        Tokenizers.Storyteller,
        new EngineOptions { Scheduling = new SchedulingOptions { MaxQueuedRequests = maxQueued } });
}
