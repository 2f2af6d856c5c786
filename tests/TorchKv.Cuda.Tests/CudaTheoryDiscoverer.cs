using Xunit.Sdk;
using Xunit.v3;

namespace TorchKv.Cuda.Tests;

/// <summary>Finds a theory's tests where a CUDA device is, and none elsewhere.</summary>
public sealed class CudaTheoryDiscoverer : TheoryDiscoverer
{
    public override ValueTask<IReadOnlyCollection<IXunitTestCase>> Discover(
        ITestFrameworkDiscoveryOptions discoveryOptions, IXunitTestMethod testMethod, IFactAttribute factAttribute) =>
        CudaDevice.Problem is null ? base.Discover(discoveryOptions, testMethod, factAttribute) : new([]);
}
