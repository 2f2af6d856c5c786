using TorchKv.Running;
using TorchKv.Runtime;
using TorchKv.Runtime.Serving;
using TorchKv.TestSupport;

namespace TorchKv.Tests.Running;

public sealed class TorchEngineConstraintTests : EngineConstraintTests
{
    protected override Task<Engine> LoadAsync(string folder, EngineOptions options, int blocks) =>
        TorchEngine.LoadAsync(folder, options, new TorchRunnerOptions { BlockCount = blocks });
}
