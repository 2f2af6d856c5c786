namespace TorchSharp;

/// <summary>What happened to the tensors of one thread.</summary>
public class ThreadDisposeScopeStatistics
{
    internal ThreadDisposeScopeStatistics(DisposeScopeManager manager) => TensorStatistics = new LifetimeStatistics(manager);

    public LifetimeStatistics TensorStatistics { get; }

    public long CreatedOutsideScopeCount => TensorStatistics.CreatedOutsideScopeCount;
    public long DisposedOutsideScopeCount => TensorStatistics.DisposedOutsideScopeCount;
    public long CreatedInScopeCount => TensorStatistics.CreatedInScopeCount;
    public long DisposedInScopeCount => TensorStatistics.DisposedInScopeCount;
    public long AttachedToScopeCount => TensorStatistics.AttachedToScopeCount;
    public long DetachedFromScopeCount => TensorStatistics.DetachedFromScopeCount;
    public long ThreadTotalLiveCount => TensorStatistics.ThreadTotalLiveCount;

    public void Reset() => TensorStatistics.Reset();

    public override string ToString() => TensorStatistics.ToString();
}

/// <summary>Counts of one kind of object on one thread since <see cref="Reset"/>.</summary>
public class LifetimeStatistics
{
    private readonly DisposeScopeManager _manager;

    internal LifetimeStatistics(DisposeScopeManager manager) => _manager = manager;

    public long CreatedOutsideScopeCount => _manager.Tensors.CreatedOutsideScope;
    public long DisposedOutsideScopeCount => _manager.Tensors.DisposedOutsideScope;
    public long CreatedInScopeCount => _manager.Tensors.CreatedInScope;
    public long DisposedInScopeCount => _manager.Tensors.DisposedInScope;
    public long AttachedToScopeCount => _manager.Tensors.AttachedToScope;
    public long DetachedFromScopeCount => _manager.Tensors.DetachedFromScope;

    public long ThreadTotalLiveCount =>
        CreatedInScopeCount - DisposedInScopeCount + CreatedOutsideScopeCount - DisposedOutsideScopeCount;

    public void Reset() => _manager.Tensors = default;

    public override string ToString() =>
        $"ThreadTotalLiveCount: {ThreadTotalLiveCount}; CreatedOutsideScopeCount: {CreatedOutsideScopeCount}; " +
        $"DisposedOutsideScopeCount: {DisposedOutsideScopeCount}; CreatedInScopeCount: {CreatedInScopeCount}; " +
        $"DisposedInScopeCount: {DisposedInScopeCount}; AttachedToScopeCount: {AttachedToScopeCount}; " +
        $"DetachedFromScopeCount: {DetachedFromScopeCount}";
}
