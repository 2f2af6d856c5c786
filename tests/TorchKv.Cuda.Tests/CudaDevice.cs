using TorchKv.Loading;
using static TorchSharp.torch;

namespace TorchKv.Cuda.Tests;

/// <summary>The device that these tests run on.</summary>
internal static class CudaDevice
{
    /// <summary>
    /// float32 on CUDA may go through TF32 units in matrix products; recordings are compared within what that leaves.
    /// </summary>
    public const double Tolerance = 1e-3;

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
