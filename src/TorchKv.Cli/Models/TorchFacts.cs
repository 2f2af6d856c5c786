using System.Runtime.CompilerServices;
using TorchSharp;

namespace TorchKv.Cli.Models;

/// <summary>What libtorch is here, if it is: asked in one place, because the question itself loads it.</summary>
/// <param name="Version">libtorch's version; null where it is not there.</param>
/// <param name="Devices">The devices: <c>cpu</c> always.</param>
/// <param name="Problem">Why there is no libtorch.</param>
internal sealed record TorchFacts(string? Version, IReadOnlyList<string> Devices, string? Problem)
{
    public static TorchFacts Find()
    {
        try
        {
            return Ask();
        }
        catch (Exception missing) when (IsMissingLibrary(missing))
        {
            var reason = missing is TypeInitializationException { InnerException: { } inner } ? inner : missing;
            return new TorchFacts(null, ["cpu"], reason.Message.Split('\n')[0].TrimEnd());
        }
    }

    /// <summary>The number of CUDA devices; 0 where there is no libtorch, or one without CUDA. Does not load libtorch where no NVIDIA driver is.</summary>
    public static int CudaDevices()
    {
        if (OperatingSystem.IsMacOS() || (OperatingSystem.IsLinux() && !File.Exists("/proc/driver/nvidia/version") && !File.Exists("/dev/nvidiactl") && !File.Exists("/dev/dxg")))
        {
            return 0;
        }

        try
        {
            return AskCuda();
        }
        catch (Exception missing) when (IsMissingLibrary(missing))
        {
            return 0;
        }
    }

    private static bool IsMissingLibrary(Exception error) =>
        error is DllNotFoundException or TypeInitializationException or FileNotFoundException or BadImageFormatException or NotSupportedException or EntryPointNotFoundException;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TorchFacts Ask()
    {
        // The first call of anything loads the library, or says why it cannot.
        var cuda = torch.cuda.is_available() ? torch.cuda.device_count() : 0;
        return new TorchFacts(torch.__version__, ["cpu", .. Enumerable.Range(0, cuda).Select(index => $"cuda:{index}")], null);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int AskCuda() => torch.cuda.is_available() ? torch.cuda.device_count() : 0;
}
