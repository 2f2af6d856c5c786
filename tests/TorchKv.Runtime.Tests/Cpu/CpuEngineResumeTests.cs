using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Serving;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

public sealed class CpuEngineResumeTests : EngineResumeTests
{
    protected override double Tolerance => 0;

    protected override Task<Engine> LoadAsync(string folder, EngineOptions options, int blocks) =>
        Engine.LoadAsync(folder, options, new CpuRunnerOptions { Threads = 2, BlockCount = blocks });
}
