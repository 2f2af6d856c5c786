using TorchKv.Running;
using TorchKv.Runtime;
using TorchKv.Runtime.Serving;
using TorchKv.TestSupport;

namespace TorchKv.Cuda.Tests;

public sealed class CudaEngineConstraintTests : EngineConstraintTests
{
    protected override Task<Engine> LoadAsync(string folder, EngineOptions options, int blocks) =>
        TorchEngine.LoadAsync(folder, options, new TorchRunnerOptions { Device = CudaDevice.Device, BlockCount = blocks });
}
