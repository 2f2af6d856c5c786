using TorchKv.Running;
using TorchKv.Runtime.Model;
using TorchKv.TestSupport;

namespace TorchKv.Tests.Running;

/// <summary>The runner over the port keeps the runners' contract, within rounding.</summary>
[Trait("speed", "fast")]
public sealed class TorchRunnerContractTests : RunnerContractTests
{
    protected override double Tolerance => 1e-4;

    protected override IModelRunner Make(int blocks, int maxTokensPerStep) => TorchRunner.Load(
        RepositoryFiles.Fixture("hf", "gelu-new"),
        new TorchRunnerOptions { BlockCount = blocks, MaxTokensPerStep = maxTokensPerStep });
}
