using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>A thread's stack of dispose scopes and its counts.</summary>
public class DisposeScopeManager
{
    private const int InitialCapacity = 32;
    private const int KeptBuffers = 8;

    [ThreadStatic]
    private static DisposeScopeManager? t_singleton;

    // Counts, as fields: two of them change at every tensor.
    internal Counts Tensors;

    private readonly Stack<Tensor[]> _buffers = new();

    internal struct Counts
    {
        public long CreatedOutsideScope, DisposedOutsideScope, CreatedInScope, DisposedInScope, AttachedToScope, DetachedFromScope;
    }

    public DisposeScopeManager() => StatisticsInstance = new ThreadDisposeScopeStatistics(this);

    public static ThreadDisposeScopeStatistics Statistics => ThreadSingleton.StatisticsInstance;

    internal static DisposeScopeManager ThreadSingleton => t_singleton ??= new DisposeScopeManager();

    internal ThreadDisposeScopeStatistics StatisticsInstance { get; }

    internal DisposeScope? CurrentDisposeScope { get; private set; }

    internal DisposeScope NewDisposeScope() => CurrentDisposeScope = new DisposeScope(this);

    // A scope may be disposed before those inside it; they then belong to the one around it.
    internal void RemoveDisposeScope(DisposeScope disposed)
    {
        if (ReferenceEquals(CurrentDisposeScope, disposed))
        {
            CurrentDisposeScope = disposed.OuterScope;
            return;
        }
        for (var scope = CurrentDisposeScope; scope is not null; scope = scope.OuterScope)
        {
            if (ReferenceEquals(scope.OuterScope, disposed))
            {
                scope.OuterScope = disposed.OuterScope;
                return;
            }
        }
    }

    internal Tensor[] RentBuffer() => _buffers.TryPop(out var buffer) ? buffer : new Tensor[InitialCapacity];

    internal void ReturnBuffer(Tensor[] buffer)
    {
        // Disposing a scope on another thread than its own must not touch this thread's stack of buffers.
        if (ReferenceEquals(t_singleton, this) && _buffers.Count < KeptBuffers)
        {
            _buffers.Push(buffer);
        }
    }
}
