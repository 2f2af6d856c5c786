using TorchKv.Running;
using TorchKv.Runtime;
using TorchKv.Runtime.Serving;
using TorchKv.TestSupport;

namespace TorchKv.Tests.Running;

public sealed class TorchEngineResumeTests : EngineResumeTests
{
    protected override double Tolerance => 1e-4;

    protected override Task<Engine> LoadAsync(string folder, EngineOptions options, int blocks) =>
        TorchEngine.LoadAsync(folder, options, new TorchRunnerOptions { BlockCount = blocks });
}
