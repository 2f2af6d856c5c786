using System.Runtime.InteropServices;
using TorchSharp.Interop;

namespace TorchSharp;

public static unsafe partial class torch
{
    /// <summary>The version of libtorch that this process uses.</summary>
    public static string __version__
    {
        get
        {
            Native.Require();
            return Marshal.PtrToStringUTF8((nint)Native.LibtorchVersion())!;
        }
    }

    public static DisposeScope NewDisposeScope() => DisposeScopeManager.ThreadSingleton.NewDisposeScope();

    public static DisposeScope? CurrentDisposeScope => DisposeScopeManager.ThreadSingleton.CurrentDisposeScope;

    /// <summary>Runs an expression in a scope of its own; only its result outlives it.</summary>
    public static Tensor WrappedTensorDisposeScope(Func<Tensor> expr)
    {
        using var scope = NewDisposeScope();
        return expr().MoveToOuterDisposeScope();
    }

    public static int get_num_threads()
    {
        Native.Require();
        return Native.NumThreads();
    }

    public static void set_num_threads(int num)
    {
        Native.Require();
        Check(Native.SetNumThreads(num));
    }

    public static int get_num_interop_threads()
    {
        Native.Require();
        return Native.NumInteropThreads();
    }

    public static void set_num_interop_threads(int num)
    {
        Native.Require();
        Check(Native.SetNumInteropThreads(num));
    }

    public static bool is_grad_enabled()
    {
        Native.Require();
        return Native.GradEnabled() != 0;
    }

    public static bool is_inference_mode_enabled()
    {
        Native.Require();
        return Native.InferenceEnabled() != 0;
    }

    /// <summary>No operator records for autograd until the result is disposed; on this thread.</summary>
    public static IDisposable no_grad() => new GradMode(false);

    public static IDisposable enable_grad(bool enabled = true) => new GradMode(enabled);

    public static IDisposable set_grad_enabled(bool mode = true) => new GradMode(mode);

    /// <summary>As <see cref="no_grad"/>, and without version counters: faster, but its tensors can never take part in autograd.</summary>
    public static IDisposable inference_mode(bool mode = true) => new InferenceModeGuard(mode);

    /// <summary>Seeds the generators of every device.</summary>
    public static Generator manual_seed(long seed) => random.manual_seed(seed);

    internal static void Check(int result)
    {
        if (result < 0)
        {
            Native.Throw();
        }
    }

    public static class random
    {
        public static Generator manual_seed(long seed)
        {
            Native.Require();
            Check(Native.ManualSeed(seed));
            return Generator.Default;
        }

        public static long seed() => Generator.Default.seed();

        public static long initial_seed() => Generator.Default.initial_seed();

        public static Tensor get_rng_state() => Generator.Default.get_state();

        public static void set_rng_state(Tensor new_state) => Generator.Default.set_state(new_state);
    }

    private sealed class GradMode : IDisposable
    {
        private readonly bool _before;

        public GradMode(bool enabled)
        {
            Native.Require();
            _before = Native.GradEnabled() != 0;
            Native.SetGradEnabled(enabled ? 1 : 0);
        }

        public void Dispose() => Native.SetGradEnabled(_before ? 1 : 0);
    }

    private sealed class InferenceModeGuard : IDisposable
    {
        private nint _guard;

        public InferenceModeGuard(bool enabled)
        {
            Native.Require();
            _guard = Native.EnterInference(enabled ? 1 : 0);
            if (_guard == 0)
            {
                Native.Throw();
            }
        }

        public void Dispose()
        {
            var guard = Interlocked.Exchange(ref _guard, 0);
            if (guard != 0)
            {
                Native.LeaveInference(guard);
            }
        }
    }
}
