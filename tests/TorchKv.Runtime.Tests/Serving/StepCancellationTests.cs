using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>A cancellation ends the running step where no other request loses work by it.</summary>
[Trait("speed", "fast")]
public class StepCancellationTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly GenerationOptions Five = new() { MaxNewTokens = 5, EosTokenIds = [] };

    [Fact]
    public async Task CancellingTheOnlyRequestOfAStepEndsTheStep()
    {
        using var step = new HeldStep();
        var runner = new FakeRunner(64) { During = step.Hold };
        await using var engine = new Engine(runner);
        var generation = engine.Submit(new int[40], Five);
        await step.Entered.WaitAsync(Patience);
        generation.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generation.Completion.WaitAsync(Patience));
        Assert.True(step.Token.IsCancellationRequested);
        Assert.Equal(0, runner.StepCount);
        runner.During = null;
        await EngineMixtureTests.AllBlocksAreBack(engine);
        Assert.Equal((1, 0), (engine.Stats.CancelledRequests, engine.Stats.FailedRequests));

        // The pool's blocks hold what the step left behind; a later request computes over it.
        Assert.Equal(
            Alone.Generate(runner, [1, 2, 3], Five), (await Alone.Read(engine.GenerateAsync([1, 2, 3], Five)))[0]);
    }

    [Fact]
    public async Task AStepContinuesWhileOneRequestIsWanted()
    {
        using var step = new HeldStep();
        var runner = new FakeRunner(64);
        await using var engine = new Engine(runner);

        // Both are submitted between two steps, so that they are in the same one.
        var (first, second) = await engine.Loop.InvokeAsync(() =>
        {
            runner.During = step.Hold;
            return (engine.Submit([1, 2], Five), engine.Submit([3, 4], Five));
        });
        await step.Entered.WaitAsync(Patience);
        first.Cancel();
        Assert.False(step.Token.IsCancellationRequested);
        runner.During = null;
        step.Release();
        Assert.Equal(Alone.Generate(runner, [3, 4], Five), (await Alone.Read(second))[0]);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first.Completion.WaitAsync(Patience));
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task CancellingEveryRequestOfAStepEndsIt()
    {
        using var step = new HeldStep();
        var runner = new FakeRunner(64);
        await using var engine = new Engine(runner);
        var both = await engine.Loop.InvokeAsync(() =>
        {
            runner.During = step.Hold;
            return new[] { engine.Submit([1, 2], Five), engine.Submit([3, 4], Five with { Samples = 2, Temperature = 1 }) };
        });
        await step.Entered.WaitAsync(Patience);
        both[0].Cancel();
        Assert.False(step.Token.IsCancellationRequested);
        both[1].Cancel();
        Assert.True(step.Token.IsCancellationRequested);
        foreach (var generation in both)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generation.Completion.WaitAsync(Patience));
        }

        runner.During = null;
        await EngineMixtureTests.AllBlocksAreBack(engine);
        Assert.Equal(2, engine.Stats.CancelledRequests);
    }

    [Fact]
    public async Task ACancelledTurnKeepsTheSessionUsable()
    {
        using var step = new HeldStep();
        var runner = new FakeRunner(64);
        await using var engine = new Engine(runner);
        await using var session = engine.StartSession();
        await Alone.Read(session.ContinueAsync([1, 2, 3], Five));
        runner.During = step.Hold;
        using var cancel = new CancellationTokenSource();
        var turn = Alone.Read(session.ContinueAsync([4, 5, 6, 7, 8, 9], Five, cancel.Token));
        await step.Entered.WaitAsync(Patience);
        cancel.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => turn.WaitAsync(Patience));
        runner.During = null;
        int[] tokens = [.. session.TokenIds];
        Assert.Equal([4, 5, 6, 7, 8, 9], tokens[^6..]);
        Assert.Equal(
            Alone.Generate(runner, [.. tokens, 7], Five), (await Alone.Read(session.ContinueAsync([7], Five)))[0]);
    }

    [Fact]
    public void ARequestMarkedBeforeItsStepEndsItAtOnce()
    {
        var cancellation = new StepCancellation();
        var (wanted, unwanted) = (Row(), Row());
        cancellation.Mark(unwanted.Sequence.Request);
        Assert.False(cancellation.Begin([unwanted, wanted], 2).IsCancellationRequested);
        cancellation.End();
        Assert.True(cancellation.Begin([unwanted, wanted], 1).IsCancellationRequested);
        Assert.True(cancellation.IsSignalled);
        cancellation.End();

        // The next step has a token of its own.
        cancellation.Unmark(unwanted.Sequence.Request);
        Assert.False(cancellation.Begin([unwanted], 1).IsCancellationRequested);
        Assert.False(cancellation.IsSignalled);
        cancellation.Stop();
        Assert.True(cancellation.IsSignalled);
        Assert.True(cancellation.Begin([wanted], 1).IsCancellationRequested);
    }

    private static PlannedRow Row()
    {
        var request = new Request([1], new NoOutput());
        var blocks = new KvBlocks(new BlockPool(1), 4);
        return new PlannedRow(
            new Sequence(request, 0, request.Prompt, blocks.NewSequence(request.Root)),
            0,
            1,
            LogitsWanted.Last);
    }

    private sealed class NoOutput : IRequestOutput
    {
        public void Use(in PlannedRow row, Span<float> logits, long now) => throw new NotSupportedException();

        public void Fail(Exception cause) => throw new NotSupportedException();
    }

    /// <summary>A step that ends when it is released or when its token is signalled, whichever comes first.</summary>
    private sealed class HeldStep : IDisposable
    {
        private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _released = new();

        public Task Entered => _entered.Task;

        public CancellationToken Token { get; private set; }

        public void Hold(CancellationToken token)
        {
            Token = token;
            _entered.TrySetResult();
            WaitHandle.WaitAny([token.WaitHandle, _released.WaitHandle], Patience);
            token.ThrowIfCancellationRequested();
        }

        public void Release() => _released.Set();

        public void Dispose() => _released.Dispose();
    }
}
