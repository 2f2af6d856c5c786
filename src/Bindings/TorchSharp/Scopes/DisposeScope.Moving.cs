using static TorchSharp.torch;

namespace TorchSharp;

public sealed partial class DisposeScope
{
    public T MoveToOuter<T>(T disposable) where T : IDisposable => MoveToOther(OuterScope, disposable);

    public (T1 first, T2 second) MoveToOuter<T1, T2>(T1 first, T2 second)
        where T1 : IDisposable where T2 : IDisposable => MoveToOther(OuterScope, first, second);

    public (T1 first, T2 second, T3 third) MoveToOuter<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable => MoveToOther(OuterScope, first, second, third);

    public void MoveToOuter(params IDisposable[] disposables) => MoveToOther(OuterScope, disposables);

    public void MoveToOuter(IEnumerable<IDisposable> disposables) => MoveToOther(OuterScope, disposables);

    public T MoveToOther<T>(DisposeScope? scope, T disposable) where T : IDisposable
    {
        ThrowIfDisposed();
        MoveOne(scope, disposable);
        return disposable;
    }

    public (T1 first, T2 second) MoveToOther<T1, T2>(DisposeScope? scope, T1 first, T2 second)
        where T1 : IDisposable where T2 : IDisposable => (MoveToOther(scope, first), MoveToOther(scope, second));

    public (T1 first, T2 second, T3 third) MoveToOther<T1, T2, T3>(DisposeScope? scope, T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable =>
        (MoveToOther(scope, first), MoveToOther(scope, second), MoveToOther(scope, third));

    public void MoveToOther(DisposeScope? scope, params IDisposable[] disposables) =>
        MoveToOther(scope, (IEnumerable<IDisposable>)disposables);

    public void MoveToOther(DisposeScope? scope, IEnumerable<IDisposable> disposables)
    {
        ThrowIfDisposed();
        foreach (var disposable in disposables)
        {
            MoveOne(scope, disposable);
        }
    }

    public T Detach<T>(T disposable) where T : IDisposable => MoveToOther(null, disposable);

    public (T1 first, T2 second) Detach<T1, T2>(T1 first, T2 second)
        where T1 : IDisposable where T2 : IDisposable => MoveToOther(null, first, second);

    public (T1 first, T2 second, T3 third) Detach<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable => MoveToOther(null, first, second, third);

    public void Detach(params IDisposable[] disposables) => MoveToOther(null, disposables);

    public void Detach(IEnumerable<IDisposable> disposables) => MoveToOther(null, disposables);

    public void Attach(IDisposable disposable)
    {
        ThrowIfDisposed();
        if (disposable is not Tensor tensor)
        {
            throw new InvalidOperationException("DisposeScope can only manage Tensor or PackedSequence");
        }
        if (ReferenceEquals(tensor.OwningDisposeScope, this))
        {
            return;
        }
        tensor.OwningDisposeScope?.Remove(tensor);
        Add(tensor);
        _manager!.Tensors.AttachedToScope++;
    }

    public void Attach(params IDisposable[] disposables) => _ = Attach((IEnumerable<IDisposable>)disposables);

    public IReadOnlyList<IDisposable> Attach(IEnumerable<IDisposable> disposables)
    {
        ThrowIfDisposed();
        var attached = new List<IDisposable>();
        foreach (var disposable in disposables)
        {
            Attach(disposable);
            attached.Add(disposable);
        }
        return attached;
    }

    // Only what this scope owns is moved; anything else stays where it is.
    private void MoveOne(DisposeScope? scope, IDisposable disposable)
    {
        if (!Contains(disposable))
        {
            return;
        }
        var tensor = (Tensor)disposable;
        if (scope is null)
        {
            Remove(tensor);
            tensor.GuardAgainstForgetting();
            _manager!.Tensors.DetachedFromScope++;
        }
        else if (!ReferenceEquals(scope, this))
        {
            scope.ThrowIfDisposed();
            Remove(tensor);
            scope.Add(tensor);
        }
    }
}
