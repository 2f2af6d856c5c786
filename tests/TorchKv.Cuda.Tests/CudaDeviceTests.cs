namespace TorchKv.Cuda.Tests;

/// <summary>One skipped test, with the reason, in place of all that need CUDA.</summary>
public class CudaDeviceTests
{
    [Fact]
    public void ACudaDeviceIsThere()
    {
        Assert.SkipWhen(CudaDevice.Problem is not null, CudaDevice.Problem ?? "");
        Assert.Equal(TorchSharp.DeviceType.CUDA, CudaDevice.Device.type);
    }
}
