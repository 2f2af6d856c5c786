using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>
/// Owns the tensors created on its thread while it is the innermost one, and disposes them with itself. Made by
/// <see cref="torch.NewDisposeScope"/>; belongs to its thread.
/// </summary>
public sealed partial class DisposeScope : IDisposable
{
    private DisposeScopeManager? _manager;
    private Tensor[] _tensors;
    private int _count;

    internal DisposeScope(DisposeScopeManager manager)
    {
        _manager = manager;
        _tensors = manager.RentBuffer();
        OuterScope = manager.CurrentDisposeScope;
    }

    // Only a scope whose thread ended without disposing it gets here; its tensors are unreachable too, as each refers to its scope.
    ~DisposeScope()
    {
        for (var i = 0; i < _count; i++)
        {
            _tensors[i].ReleaseFromScope();
        }
    }

    internal DisposeScope? OuterScope { get; set; }

    internal bool IsDisposed => _manager is null;

    public IReadOnlyList<IDisposable> DisposablesView
    {
        get
        {
            ThrowIfDisposed();
            return _tensors[.._count];
        }
    }

    public int DisposablesCount
    {
        get
        {
            ThrowIfDisposed();
            return _count;
        }
    }

    public bool Contains(IDisposable disposable) => disposable is Tensor tensor && ReferenceEquals(tensor.OwningDisposeScope, this);

    /// <summary>Disposes what the scope owns; it stays usable.</summary>
    public unsafe void DisposeEverything()
    {
        ThrowIfDisposed();
        const int Batch = 64;
        var handles = stackalloc nint[Batch];
        var pending = 0;
        // A tensor's own Dispose may be overridden and may dispose others of this scope: the count is read anew each time.
        while (_count > 0)
        {
            var tensor = _tensors[--_count];
            _tensors[_count] = null!;
            if (tensor.GetType() == typeof(Tensor))
            {
                handles[pending++] = tensor.TakeHandleFromScope();
                if (pending == Batch)
                {
                    Native.TensorsRelease(handles, pending);
                    pending = 0;
                }
            }
            else
            {
                tensor.OwningDisposeScope = null;
                tensor.Dispose();
                _manager!.Tensors.DisposedInScope++;
                _manager!.Tensors.DisposedOutsideScope--;
                continue;
            }
            _manager!.Tensors.DisposedInScope++;
        }
        if (pending > 0)
        {
            Native.TensorsRelease(handles, pending);
        }
    }

    public void DisposeEverythingBut(IEnumerable<IDisposable> inKeep)
    {
        ThrowIfDisposed();
        var keep = new HashSet<IDisposable>(inKeep, ReferenceEqualityComparer.Instance);
        var kept = new List<Tensor>();
        for (var i = 0; i < _count; i++)
        {
            if (keep.Contains(_tensors[i]))
            {
                kept.Add(_tensors[i]);
            }
        }
        foreach (var tensor in kept)
        {
            Remove(tensor);
        }
        DisposeEverything();
        foreach (var tensor in kept)
        {
            Add(tensor);
        }
    }

    public void DisposeEverythingBut(params IDisposable[] keep) => DisposeEverythingBut((IEnumerable<IDisposable>)keep);

    public T DisposeEverythingBut<T>(T keep) where T : IDisposable
    {
        DisposeEverythingBut([keep]);
        return keep;
    }

    public (T1 first, T2 second) DisposeEverythingBut<T1, T2>(T1 first, T2 second)
        where T1 : IDisposable where T2 : IDisposable
    {
        DisposeEverythingBut([first, second]);
        return (first, second);
    }

    public (T1 first, T2 second, T3 third) DisposeEverythingBut<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable
    {
        DisposeEverythingBut([first, second, third]);
        return (first, second, third);
    }

    public void Dispose()
    {
        if (_manager is not { } manager)
        {
            return;
        }
        DisposeEverything();
        GC.SuppressFinalize(this);
        manager.RemoveDisposeScope(this);
        manager.ReturnBuffer(_tensors);
        _tensors = [];
        _manager = null;
    }

    /// <summary>Forgets an object that was disposed by other means.</summary>
    public void MarkAsDisposed(IDisposable disposable)
    {
        ThrowIfDisposed();
        if (disposable is Tensor tensor && ReferenceEquals(tensor.OwningDisposeScope, this))
        {
            Remove(tensor);
        }
    }

    internal void Add(Tensor tensor)
    {
        if (_count == _tensors.Length)
        {
            Array.Resize(ref _tensors, _count * 2);
        }
        tensor.SetScope(this, _count);
        _tensors[_count++] = tensor;
    }

    /// <summary>Takes a tensor out; the last one takes its place.</summary>
    internal void Remove(Tensor tensor)
    {
        var index = tensor.ScopeIndex;
        var last = _tensors[--_count];
        _tensors[index] = last;
        last.SetScope(this, index);
        _tensors[_count] = null!;
        tensor.OwningDisposeScope = null;
    }

    /// <summary>Puts another object in a tensor's place, as a Parameter takes over its data.</summary>
    internal static void ReplaceWith(Tensor original, Tensor replacement)
    {
        if (original.OwningDisposeScope is { } scope)
        {
            scope.Remove(original);
            scope.Add(replacement);
        }
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_manager is null, this);
}
