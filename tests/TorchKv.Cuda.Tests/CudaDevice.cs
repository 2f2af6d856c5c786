using TorchKv.Loading;
using static TorchSharp.torch;

namespace TorchKv.Cuda.Tests;

/// <summary>The CUDA device, or a test that is skipped with the reason.</summary>
internal static class CudaDevice
{
    // float32 on CUDA may go through TF32 units in the products; recordings are compared with what that leaves
    public const double Tolerance = 1e-3;

    public static Device Require()
    {
        try
        {
            return Devices.parse("cuda");
        }
        catch (DeviceNotAvailableException missing)
        {
            Assert.Skip(missing.Message);
            throw;
        }
    }
}
