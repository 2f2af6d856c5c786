using static TorchSharp.torch;

namespace TorchSharp.Conformance;

public class ScopeTests
{
    [Fact]
    public void AScopeDisposesWhatWasCreatedInIt()
    {
        Tensor inside;
        using (NewDisposeScope())
        {
            inside = zeros(2);
            Assert.False(inside.IsInvalid);
        }

        Assert.True(inside.IsInvalid);
    }

    [Fact]
    public void AResultIsMovedToTheOuterScope()
    {
        Tensor result;
        using (var outer = NewDisposeScope())
        {
            using (NewDisposeScope())
            {
                result = (zeros(2) + 1).MoveToOuterDisposeScope();
            }
            Assert.False(result.IsInvalid);
            Assert.True(outer.Contains(result));
        }

        Assert.True(result.IsInvalid);
    }

    [Fact]
    public void ATensorMovedOutOfAllScopesHasNone()
    {
        Tensor result;
        using (var scope = NewDisposeScope())
        {
            result = scope.MoveToOuter(zeros(2));
        }

        Assert.False(result.IsInvalid);
        result.Dispose();
    }

    [Fact]
    public void ADetachedTensorSurvivesItsScope()
    {
        Tensor byTensor, byScope;
        using (var scope = NewDisposeScope())
        {
            byTensor = zeros(2).DetachFromDisposeScope();
            byScope = scope.Detach(zeros(2));
            Assert.Equal(0, scope.DisposablesCount);
        }

        Assert.False(byTensor.IsInvalid);
        Assert.False(byScope.IsInvalid);
        byTensor.Dispose();
        byScope.Dispose();
    }

    [Fact]
    public void EverythingButTheNamedIsDisposed()
    {
        using var scope = NewDisposeScope();
        var kept = zeros(1);
        var also = zeros(1);
        var dropped = zeros(1);

        var (first, second) = scope.DisposeEverythingBut(kept, also);

        Assert.Same(kept, first);
        Assert.Same(also, second);
        Assert.False(kept.IsInvalid);
        Assert.False(also.IsInvalid);
        Assert.True(dropped.IsInvalid);
        Assert.Equal(2, scope.DisposablesCount);
    }

    [Fact]
    public void AScopeThatWasEmptiedStaysUsable()
    {
        using var scope = NewDisposeScope();
        var first = zeros(1);
        scope.DisposeEverything();
        Assert.True(first.IsInvalid);

        var second = zeros(1);
        Assert.True(scope.Contains(second));
    }

    [Fact]
    public void ADisposedTensorLeavesItsScope()
    {
        using var scope = NewDisposeScope();
        var tensor = zeros(1);
        tensor.Dispose();

        Assert.Equal(0, scope.DisposablesCount);
        tensor.Dispose();
    }

    [Fact]
    public void ATensorFromOutsideCanBeAttached()
    {
        var tensor = zeros(1);
        using (var scope = NewDisposeScope())
        {
            scope.Attach(tensor);
        }

        Assert.True(tensor.IsInvalid);
    }

    [Fact]
    public void ATensorMovesToAnothersScope()
    {
        using var outer = NewDisposeScope();
        var anchor = zeros(1);
        using (NewDisposeScope())
        {
            var moved = zeros(1).MoveToOtherDisposeScope(anchor);
            Assert.True(outer.Contains(moved));
        }

        Assert.Equal(2, outer.DisposablesCount);
    }

    [Fact]
    public void OnlyTensorsCanBeAttached()
    {
        using var scope = NewDisposeScope();

        Assert.Throws<InvalidOperationException>(() => scope.Attach(new MemoryStream()));
    }

    [Fact]
    public void ADisposedScopeRefusesToBeUsed()
    {
        var scope = NewDisposeScope();
        scope.Dispose();
        scope.Dispose();

        Assert.Throws<ObjectDisposedException>(() => scope.DisposablesCount);
        Assert.Throws<ObjectDisposedException>(() => scope.Attach(zeros(1)));
    }

    [Fact]
    public void ScopesBelongToTheirThread()
    {
        using var scope = NewDisposeScope();
        Tensor? elsewhere = null;
        var thread = new Thread(() => elsewhere = zeros(1));
        thread.Start();
        thread.Join();

        Assert.False(scope.Contains(elsewhere!));
        scope.DisposeEverything();
        Assert.False(elsewhere!.IsInvalid);
        elsewhere.Dispose();
    }

    [Fact]
    public void AnInnerScopeOutlivesAnOuterDisposedFirst()
    {
        var outer = NewDisposeScope();
        var inner = NewDisposeScope();
        var inOuter = zeros(1).MoveToOtherDisposeScope(outer);
        var inInner = zeros(1);

        outer.Dispose();
        Assert.True(inOuter.IsInvalid);
        Assert.False(inInner.IsInvalid);

        inner.Dispose();
        Assert.True(inInner.IsInvalid);
    }

    [Fact]
    public void AParameterTakesItsDatasPlaceInTheScope()
    {
        using var scope = NewDisposeScope();
        var data = zeros(1);
        var parameter = nn.Parameter(data);

        Assert.True(scope.Contains(parameter));
        Assert.Equal(1, scope.DisposablesCount);
    }

    [Fact]
    public void InPlaceOperatorsReturnTheTensorItself()
    {
        using var scope = NewDisposeScope();
        var tensor = zeros(2);

        Assert.Same(tensor, tensor.add_(1));
        Assert.Same(tensor, tensor.masked_fill_(tensor == 1, 5));
        Assert.Same(tensor, tensor.copy_(ones(2)));
    }

    [Fact]
    public void AWrappedExpressionKeepsOnlyItsResult()
    {
        using var scope = NewDisposeScope();
        var result = WrappedTensorDisposeScope(() => zeros(2) + ones(2) + ones(2));

        Assert.Equal(1, scope.DisposablesCount);
        Assert.Equal(2, result[0].ToSingle());
    }

    [Fact]
    public void AThreadsStatisticsCountItsTensors()
    {
        var counts = (Created: 0L, Disposed: 0L, Detached: 0L, Outside: 0L);
        var thread = new Thread(() =>
        {
            var statistics = DisposeScopeManager.Statistics;
            using (NewDisposeScope())
            {
                zeros(1);
                zeros(1);
                zeros(1).DetachFromDisposeScope().Dispose();
            }
            zeros(1).Dispose();
            counts = (statistics.CreatedInScopeCount, statistics.DisposedInScopeCount, statistics.DetachedFromScopeCount, statistics.CreatedOutsideScopeCount);
            Assert.Equal(0, statistics.ThreadTotalLiveCount);
        });
        thread.Start();
        thread.Join();

        Assert.Equal((3, 2, 1, 1), counts);
    }
}
