using System.Reflection;
using TorchKv.Cuda.Tests;
using Xunit.v3;

[assembly: TestFramework(typeof(CudaTestFramework))]

namespace TorchKv.Cuda.Tests;

/// <summary>Without a CUDA device it finds <see cref="CudaDeviceTests"/> alone, which is skipped with the reason.</summary>
public sealed class CudaTestFramework : XunitTestFramework
{
    /// <inheritdoc/>
    protected override ITestFrameworkDiscoverer CreateDiscoverer(Assembly assembly)
        => new DeviceDiscoverer(new XunitTestAssembly(assembly, configFilePath: null, assemblyName: null));

    private sealed class DeviceDiscoverer(IXunitTestAssembly assembly) : XunitTestFrameworkDiscoverer(assembly)
    {
        protected override bool IsValidTestClass(Type type)
            => base.IsValidTestClass(type) && (CudaDevice.Problem is null || type == typeof(CudaDeviceTests));
    }
}
