using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>
    /// A tensor of libtorch: one owned reference to it. Disposed by hand, by the dispose scope it was created in, or,
    /// where it was forgotten outside of any, by the garbage collector.
    /// </summary>
    public unsafe partial class Tensor : IDisposable
    {
        internal nint handle;

        // Who sees to the handle: the scope, or outside of any a guard with a finalizer. A tensor itself has no finalizer:
        // an object with one costs several times as much to allocate, and most tensors live and die in a scope.
        private object? _owner;

        internal Tensor(nint handle) : this(handle, register: true)
        {
        }

        internal Tensor(nint handle, bool register)
        {
            this.handle = handle;
            var manager = DisposeScopeManager.ThreadSingleton;
            if (!register)
            {
                GuardAgainstForgetting();
            }
            else if (manager.CurrentDisposeScope is { } scope)
            {
                scope.Add(this);
                manager.Tensors.CreatedInScope++;
            }
            else
            {
                GuardAgainstForgetting();
                manager.Tensors.CreatedOutsideScope++;
            }
        }

        /// <summary>A name of the user's own; nothing here reads it.</summary>
        public string? name { get; set; }

        /// <summary>The native tensor.</summary>
        /// <exception cref="InvalidOperationException">The tensor was disposed.</exception>
        public IntPtr Handle => handle != 0 ? handle : ThrowDisposed();

        public bool IsInvalid => handle == 0;

        /// <summary>Tensors alive in the process, referred to from managed code.</summary>
        public static long TotalCount
        {
            get
            {
                Native.Require();
                return Native.LiveHandles();
            }
        }

        internal DisposeScope? OwningDisposeScope
        {
            get => _owner as DisposeScope;
            set => _owner = value;
        }

        internal int ScopeIndex { get; private set; }

        public static Tensor UnsafeCreateTensor(IntPtr handle) => new(handle);

        public void Dispose() => Dispose(true);

        protected virtual void Dispose(bool disposing)
        {
            var released = Interlocked.Exchange(ref handle, 0);
            if (released == 0)
            {
                return;
            }
            var manager = DisposeScopeManager.ThreadSingleton;
            if (_owner is DisposeScope scope)
            {
                manager.Tensors.DisposedInScope++;
                scope.Remove(this);
            }
            else
            {
                manager.Tensors.DisposedOutsideScope++;
                DropGuard();
            }
            Native.TensorRelease(released);
        }

        public Tensor MoveToOuterDisposeScope()
        {
            OwningDisposeScope?.MoveToOuter(this);
            return this;
        }

        public Tensor DetachFromDisposeScope()
        {
            OwningDisposeScope?.Detach(this);
            return this;
        }

        public Tensor MoveToOtherDisposeScope(Tensor other) => MoveToOtherDisposeScope(other.OwningDisposeScope);

        public Tensor MoveToOtherDisposeScope(DisposeScope? other)
        {
            if (OwningDisposeScope is { } scope)
            {
                scope.MoveToOther(other, this);
            }
            else
            {
                other?.Attach(this);
            }
            return this;
        }

        /// <summary>Gives the native reference to the caller, who must release it.</summary>
        public IntPtr DecoupleFromNativeHandle()
        {
            var taken = Handle;
            OwningDisposeScope?.Remove(this);
            DropGuard();
            handle = 0;
            return taken;
        }

        public override bool Equals(object? obj) => obj is Tensor other && Equals(other);

        public bool Equals(Tensor target) => target.handle == handle || (shape.AsSpan().SequenceEqual(target.shape) && dtype == target.dtype && s_equal.CallBool(this, target));

        public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);

        internal void SetScope(DisposeScope scope, int index)
        {
            if (!ReferenceEquals(_owner, scope))
            {
                DropGuard();
                _owner = scope;
            }
            ScopeIndex = index;
        }

        /// <summary>Outside of any scope the collector disposes what is forgotten.</summary>
        internal void GuardAgainstForgetting()
        {
            if (handle != 0)
            {
                var bytes = Native.TensorOwnedBytes(handle);
                _owner = new ForgottenTensor(handle, bytes);
                ForgottenMemory.Add(bytes);
            }
        }

        /// <summary>Hands the reference to another managed object, as a Parameter takes over its data.</summary>
        internal nint MoveHandle()
        {
            var moved = Handle;
            DropGuard();
            handle = 0;
            return moved;
        }

        /// <summary>The scope releases the handles of its tensors in batches.</summary>
        internal nint TakeHandleFromScope()
        {
            _owner = null;
            return Interlocked.Exchange(ref handle, 0);
        }

        internal void ReleaseFromScope()
        {
            var released = Interlocked.Exchange(ref handle, 0);
            if (released != 0)
            {
                Native.TensorRelease(released);
            }
        }

        private void DropGuard()
        {
            if (_owner is ForgottenTensor guard)
            {
                GC.SuppressFinalize(guard);
                ForgottenMemory.Remove(guard.Bytes);
                _owner = null;
            }
        }

        private static nint ThrowDisposed() => throw new InvalidOperationException("Tensor invalid -- empty handle.");

        private sealed class ForgottenTensor(nint handle, long bytes)
        {
            public long Bytes => bytes;

            ~ForgottenTensor() => Native.TensorRelease(handle);
        }

        private static readonly Op s_equal = new("equal");
    }
}
