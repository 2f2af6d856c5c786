using TorchKv.Runtime.Model;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>
/// The tests' own runner keeps the contract too, so that what the engine does with it holds for the others.
/// </summary>
[Trait("speed", "fast")]
public sealed class FakeRunnerContractTests : RunnerContractTests
{
    protected override double Tolerance => 0;

    protected override IModelRunner Make(int blocks, int maxTokensPerStep) =>
        new FakeRunner(blocks, context: 64, maxTokensPerStep: maxTokensPerStep);
}
