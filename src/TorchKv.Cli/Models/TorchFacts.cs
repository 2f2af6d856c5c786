using System.Runtime.CompilerServices;
using TorchSharp;

namespace TorchKv.Cli.Models;

/// <summary>The version and the devices of libtorch on this machine. Reading them loads libtorch.</summary>
/// <param name="Version">libtorch's version; null where it cannot be used.</param>
/// <param name="Devices">The devices: <c>cpu</c> always.</param>
/// <param name="Problem">Why libtorch cannot be used.</param>
internal sealed record TorchFacts(string? Version, IReadOnlyList<string> Devices, string? Problem)
{
    public static TorchFacts Find() => Libtorch.Problem is { } problem ? new TorchFacts(null, ["cpu"], problem) : Ask();

    /// <summary>
    /// The number of CUDA devices; 0 where there is no libtorch, or one without CUDA. Does not load libtorch where no
    /// NVIDIA driver is.
    /// </summary>
    public static int CudaDevices()
    {
        string[] drivers = ["/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg"];
        if (OperatingSystem.IsMacOS() || (OperatingSystem.IsLinux() && !drivers.Any(File.Exists)))
        {
            return 0;
        }

        return Libtorch.Problem is null ? AskCuda() : 0;
    }

    // Not inlined: a method that names TorchSharp's types loads its assembly when it is compiled. The assembly may be
    // missing.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TorchFacts Ask()
    {
        var cuda = Enumerable.Range(0, AskCuda()).Select(index => $"cuda:{index}");
        return new TorchFacts(System.Version.Parse(torch.__version__).ToString(3), ["cpu", .. cuda], null);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int AskCuda() => torch.cuda.is_available() ? torch.cuda.device_count() : 0;
}
