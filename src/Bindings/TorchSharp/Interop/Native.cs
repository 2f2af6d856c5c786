using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[module: SkipLocalsInit]

namespace TorchSharp.Interop;

/// <summary>The C functions of native/torchkv.h, as function pointers. Those that only read a few fields skip the GC transition.</summary>
internal static unsafe class Native
{
    private const string LibraryFile = "libTorchKvNative.so";
    private const int Abi = 3;

    private static readonly string? s_failure;

    public static readonly delegate* unmanaged<byte*, byte*, nint> Operator;
    public static readonly delegate* unmanaged<nint, Value*, int, Value*, int, int> Call;
    public static readonly delegate* unmanaged<Value*, int, void> More;
    public static readonly delegate* unmanaged<byte*> Error;
    public static readonly delegate* unmanaged<byte*> LibtorchVersion;

    public static readonly delegate* unmanaged<nint, void> TensorRelease;
    public static readonly delegate* unmanaged<nint*, int, void> TensorsRelease;
    public static readonly delegate* unmanaged[SuppressGCTransition]<nint, nint> TensorShare;
    public static readonly delegate* unmanaged[SuppressGCTransition]<nint, int> TensorDim;
    public static readonly delegate* unmanaged[SuppressGCTransition]<nint, int, long> TensorSize;
    public static readonly delegate* unmanaged[SuppressGCTransition]<nint, int, long> TensorStride;
    public static readonly delegate* unmanaged[SuppressGCTransition]<nint, long> TensorNumel;
    public static readonly delegate* unmanaged[SuppressGCTransition]<nint, long> TensorStorageOffset;
    public static readonly delegate* unmanaged[SuppressGCTransition]<nint, int> TensorDtype;
    public static readonly delegate* unmanaged[SuppressGCTransition]<nint, long> TensorElementSize;
    public static readonly delegate* unmanaged[SuppressGCTransition]<nint, long> TensorDevice;
    public static readonly delegate* unmanaged[SuppressGCTransition]<nint, int> TensorLayout;
    public static readonly delegate* unmanaged[SuppressGCTransition]<nint, int> TensorIsContiguous;
    public static readonly delegate* unmanaged[SuppressGCTransition]<nint, int> TensorIsInference;
    public static readonly delegate* unmanaged<nint, nint> TensorData;
    public static readonly delegate* unmanaged[SuppressGCTransition]<nint, long> TensorOwnedBytes;
    public static readonly delegate* unmanaged<nint, long*, int, int, delegate* unmanaged<nint, void>, nint, nint> TensorFromMemory;
    public static readonly delegate* unmanaged<nint, int> TensorRequiresGrad;
    public static readonly delegate* unmanaged<nint, int, int> TensorSetRequiresGrad;
    public static readonly delegate* unmanaged<nint, int> TensorIsLeaf;
    public static readonly delegate* unmanaged<nint, nint> TensorGrad;
    public static readonly delegate* unmanaged<nint, nint, int> TensorSetGrad;
    public static readonly delegate* unmanaged[SuppressGCTransition]<long> LiveHandles;

    public static readonly delegate* unmanaged[SuppressGCTransition]<int> GradEnabled;
    public static readonly delegate* unmanaged[SuppressGCTransition]<int, void> SetGradEnabled;
    public static readonly delegate* unmanaged[SuppressGCTransition]<int> InferenceEnabled;
    public static readonly delegate* unmanaged<int, nint> EnterInference;
    public static readonly delegate* unmanaged<nint, void> LeaveInference;

    public static readonly delegate* unmanaged<long, int> ManualSeed;
    public static readonly delegate* unmanaged<long, nint> GeneratorDefault;
    public static readonly delegate* unmanaged<long, long, nint> GeneratorNew;
    public static readonly delegate* unmanaged<nint, void> GeneratorRelease;
    public static readonly delegate* unmanaged<nint, long, int> GeneratorSetSeed;
    public static readonly delegate* unmanaged<nint, long> GeneratorSeed;
    public static readonly delegate* unmanaged<nint, long> GeneratorCurrentSeed;
    public static readonly delegate* unmanaged<nint, long> GeneratorDevice;
    public static readonly delegate* unmanaged<nint, nint> GeneratorState;
    public static readonly delegate* unmanaged<nint, nint, int> GeneratorSetState;

    public static readonly delegate* unmanaged<int> NumThreads;
    public static readonly delegate* unmanaged<int, int> SetNumThreads;
    public static readonly delegate* unmanaged<int> NumInteropThreads;
    public static readonly delegate* unmanaged<int, int> SetNumInteropThreads;

    public static readonly delegate* unmanaged<int> PrepareMeta;

    public static readonly delegate* unmanaged<int> CudaIsAvailable;
    public static readonly delegate* unmanaged<int> CudaCudnnIsAvailable;
    public static readonly delegate* unmanaged<int> CudaDeviceCount;
    public static readonly delegate* unmanaged<long, int> CudaSynchronize;
    public static readonly delegate* unmanaged<long, int, int> CudaManualSeed;

    static Native()
    {
        // An exception here would reach the caller as a TypeInitializationException: it is kept for Require instead.
        if (!TryLoad(out var library, out s_failure))
        {
            return;
        }
        nint Find(string name) => NativeLibrary.TryGetExport(library, name, out var address) ? address : 0;
        var abi = (delegate* unmanaged<int>)Find("tkv_abi");
        if (abi == null || abi() != Abi)
        {
            s_failure = $"{LibraryFile} was built from another version of its source; build it again (./run.sh setup).";
            return;
        }
        Operator = (delegate* unmanaged<byte*, byte*, nint>)Find("tkv_operator");
        Call = (delegate* unmanaged<nint, Value*, int, Value*, int, int>)Find("tkv_call");
        More = (delegate* unmanaged<Value*, int, void>)Find("tkv_more");
        Error = (delegate* unmanaged<byte*>)Find("tkv_error");
        LibtorchVersion = (delegate* unmanaged<byte*>)Find("tkv_libtorch_version");
        TensorRelease = (delegate* unmanaged<nint, void>)Find("tkv_tensor_release");
        TensorsRelease = (delegate* unmanaged<nint*, int, void>)Find("tkv_tensors_release");
        TensorShare = (delegate* unmanaged[SuppressGCTransition]<nint, nint>)Find("tkv_tensor_share");
        TensorDim = (delegate* unmanaged[SuppressGCTransition]<nint, int>)Find("tkv_tensor_dim");
        TensorSize = (delegate* unmanaged[SuppressGCTransition]<nint, int, long>)Find("tkv_tensor_size");
        TensorStride = (delegate* unmanaged[SuppressGCTransition]<nint, int, long>)Find("tkv_tensor_stride");
        TensorNumel = (delegate* unmanaged[SuppressGCTransition]<nint, long>)Find("tkv_tensor_numel");
        TensorStorageOffset = (delegate* unmanaged[SuppressGCTransition]<nint, long>)Find("tkv_tensor_storage_offset");
        TensorDtype = (delegate* unmanaged[SuppressGCTransition]<nint, int>)Find("tkv_tensor_dtype");
        TensorElementSize = (delegate* unmanaged[SuppressGCTransition]<nint, long>)Find("tkv_tensor_element_size");
        TensorDevice = (delegate* unmanaged[SuppressGCTransition]<nint, long>)Find("tkv_tensor_device");
        TensorLayout = (delegate* unmanaged[SuppressGCTransition]<nint, int>)Find("tkv_tensor_layout");
        TensorIsContiguous = (delegate* unmanaged[SuppressGCTransition]<nint, int>)Find("tkv_tensor_is_contiguous");
        TensorIsInference = (delegate* unmanaged[SuppressGCTransition]<nint, int>)Find("tkv_tensor_is_inference");
        TensorData = (delegate* unmanaged<nint, nint>)Find("tkv_tensor_data");
        TensorOwnedBytes = (delegate* unmanaged[SuppressGCTransition]<nint, long>)Find("tkv_tensor_owned_bytes");
        TensorFromMemory = (delegate* unmanaged<nint, long*, int, int, delegate* unmanaged<nint, void>, nint, nint>)Find("tkv_tensor_from_memory");
        TensorRequiresGrad = (delegate* unmanaged<nint, int>)Find("tkv_tensor_requires_grad");
        TensorSetRequiresGrad = (delegate* unmanaged<nint, int, int>)Find("tkv_tensor_set_requires_grad");
        TensorIsLeaf = (delegate* unmanaged<nint, int>)Find("tkv_tensor_is_leaf");
        TensorGrad = (delegate* unmanaged<nint, nint>)Find("tkv_tensor_grad");
        TensorSetGrad = (delegate* unmanaged<nint, nint, int>)Find("tkv_tensor_set_grad");
        LiveHandles = (delegate* unmanaged[SuppressGCTransition]<long>)Find("tkv_live_handles");
        GradEnabled = (delegate* unmanaged[SuppressGCTransition]<int>)Find("tkv_grad_enabled");
        SetGradEnabled = (delegate* unmanaged[SuppressGCTransition]<int, void>)Find("tkv_set_grad_enabled");
        InferenceEnabled = (delegate* unmanaged[SuppressGCTransition]<int>)Find("tkv_inference_enabled");
        EnterInference = (delegate* unmanaged<int, nint>)Find("tkv_enter_inference");
        LeaveInference = (delegate* unmanaged<nint, void>)Find("tkv_leave_inference");
        ManualSeed = (delegate* unmanaged<long, int>)Find("tkv_manual_seed");
        GeneratorDefault = (delegate* unmanaged<long, nint>)Find("tkv_generator_default");
        GeneratorNew = (delegate* unmanaged<long, long, nint>)Find("tkv_generator_new");
        GeneratorRelease = (delegate* unmanaged<nint, void>)Find("tkv_generator_release");
        GeneratorSetSeed = (delegate* unmanaged<nint, long, int>)Find("tkv_generator_set_seed");
        GeneratorSeed = (delegate* unmanaged<nint, long>)Find("tkv_generator_seed");
        GeneratorCurrentSeed = (delegate* unmanaged<nint, long>)Find("tkv_generator_current_seed");
        GeneratorDevice = (delegate* unmanaged<nint, long>)Find("tkv_generator_device");
        GeneratorState = (delegate* unmanaged<nint, nint>)Find("tkv_generator_state");
        GeneratorSetState = (delegate* unmanaged<nint, nint, int>)Find("tkv_generator_set_state");
        NumThreads = (delegate* unmanaged<int>)Find("tkv_num_threads");
        SetNumThreads = (delegate* unmanaged<int, int>)Find("tkv_set_num_threads");
        NumInteropThreads = (delegate* unmanaged<int>)Find("tkv_num_interop_threads");
        SetNumInteropThreads = (delegate* unmanaged<int, int>)Find("tkv_set_num_interop_threads");
        PrepareMeta = (delegate* unmanaged<int>)Find("tkv_prepare_meta");
        CudaIsAvailable = (delegate* unmanaged<int>)Find("tkv_cuda_is_available");
        CudaCudnnIsAvailable = (delegate* unmanaged<int>)Find("tkv_cuda_cudnn_is_available");
        CudaDeviceCount = (delegate* unmanaged<int>)Find("tkv_cuda_device_count");
        CudaSynchronize = (delegate* unmanaged<long, int>)Find("tkv_cuda_synchronize");
        CudaManualSeed = (delegate* unmanaged<long, int, int>)Find("tkv_cuda_manual_seed");
    }

    /// <summary>Throws the one sentence that says what is missing, before the first native call of a path that no tensor leads to.</summary>
    /// <exception cref="LibtorchNotFoundException">The library or libtorch is not there.</exception>
    public static void Require()
    {
        if (s_failure is not null)
        {
            throw new LibtorchNotFoundException(s_failure);
        }
    }

    /// <summary>Throws this thread's native error.</summary>
    /// <exception cref="ExternalException">Always, with libtorch's message.</exception>
    [DoesNotReturn]
    public static void Throw() =>
        throw new ExternalException(Marshal.PtrToStringUTF8((nint)Error()) ?? "libtorch reported an error without a message");

    /// <summary>Throws if a native function that returns 0 for "nothing" left an error.</summary>
    public static void ThrowIfError()
    {
        var message = Error();
        if (message != null)
        {
            throw new ExternalException(Marshal.PtrToStringUTF8((nint)message));
        }
    }

    private static bool TryLoad(out nint library, out string? failure)
    {
        LetIdleThreadsSleep();
        var beside = Path.GetDirectoryName(typeof(Native).Assembly.Location);
        // A single-file program has no assembly files; its native libraries lie beside the program.
        string?[] folders = [Environment.GetEnvironmentVariable("TORCHKV_NATIVE"), string.IsNullOrEmpty(beside) ? AppContext.BaseDirectory : beside];
        failure = null;
        foreach (var folder in folders)
        {
            if (string.IsNullOrEmpty(folder) || !File.Exists(Path.Combine(folder, LibraryFile)))
            {
                continue;
            }
            try
            {
                library = NativeLibrary.Load(Path.Combine(folder, LibraryFile));
                return true;
            }
            catch (DllNotFoundException exception)
            {
                failure = $"libtorch could not be loaded; install it (apt-get install libtorch-dev) or set LIBTORCH to one and build again (./run.sh setup): {FirstLine(exception.Message)}";
            }
        }
        library = 0;
        failure ??= $"{LibraryFile} was not found beside {typeof(Native).Assembly.GetName().Name}.dll; build it with ./run.sh setup, which needs libtorch-dev, cmake and g++ (apt-get install libtorch-dev cmake g++).";
        return false;
    }

    // libtorch works with libgomp's threads and Debian's OpenBLAS with its own. One's threads spin for the next piece of work
    // on the cores that the other's now need: measured on two cores, decoding eight rows takes four times as long. libgomp
    // reads its environment, C's and not .NET's, as it is loaded; what the user has set stays.
    private static void LetIdleThreadsSleep()
    {
        if (OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null)
        {
            _ = SetEnvironment("GOMP_SPINCOUNT", "0", overwrite: 0);
        }
    }

    [DllImport("libc", EntryPoint = "setenv", CharSet = CharSet.Ansi)]
    private static extern int SetEnvironment(string name, string value, int overwrite);

    // The loader's message lists every path it tried; the one about a library that ours needs names the culprit.
    private static string FirstLine(string message)
    {
        var lines = message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.FirstOrDefault(line => line.Contains("shared object", StringComparison.Ordinal) && !line.StartsWith("Unable", StringComparison.Ordinal)) ?? lines[0];
    }
}
