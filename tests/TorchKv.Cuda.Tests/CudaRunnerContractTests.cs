using TorchKv.Running;
using TorchKv.Runtime.Model;
using TorchKv.TestSupport;

namespace TorchKv.Cuda.Tests;

/// <summary>The runner over the port keeps the runners' contract on CUDA, within rounding.</summary>
public sealed class CudaRunnerContractTests : RunnerContractTests
{
    protected override double Tolerance => CudaDevice.Tolerance;

    protected override IModelRunner Make(int blocks, int maxTokensPerStep)
    {
        var options = new TorchRunnerOptions { Device = CudaDevice.Device, BlockCount = blocks, MaxTokensPerStep = maxTokensPerStep };
        return TorchRunner.Load(RepositoryFiles.Fixture("hf", "gelu-new"), options);
    }
}
