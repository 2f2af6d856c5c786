using TorchKv.Loading;
using static TorchSharp.torch;

namespace TorchKv.Cuda.Tests;

/// <summary>The device that these tests run on.</summary>
internal static class CudaDevice
{
    private static readonly Lazy<(Device? Device, string? Problem)> s_found = new(Find);

    /// <summary>The first CUDA device.</summary>
    public static Device Device => s_found.Value.Device ?? throw new InvalidOperationException(Problem);

    /// <summary>Why there is none; null where there is one.</summary>
    public static string? Problem => s_found.Value.Problem;

    private static (Device?, string?) Find()
    {
        try
        {
            return (Devices.parse("cuda"), null);
        }
        catch (DeviceNotAvailableException missing)
        {
            return (null, missing.Message);
        }
    }
}
