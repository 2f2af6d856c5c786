using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

/// <summary>The CPU runner keeps the runners' contract, bit for bit.</summary>
[Trait("speed", "fast")]
public sealed class CpuRunnerContractTests : RunnerContractTests
{
    protected override double Tolerance => 0;

    protected override IModelRunner Make(int blocks, int maxTokensPerStep) => CpuRunner.Load(
        RepositoryFiles.Fixture("hf", "gelu-new"),
        new CpuRunnerOptions { BlockCount = blocks, MaxTokensPerStep = maxTokensPerStep });
}
