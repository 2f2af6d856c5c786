using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Serving;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

[Trait("speed", "fast")]
public sealed class CpuEngineHuggingFaceTests : EngineHuggingFaceTests
{
    protected override Task<Engine> LoadAsync(string folder, EngineOptions options, int blocks) =>
        Engine.LoadAsync(folder, options, new CpuRunnerOptions { Threads = 2, BlockCount = blocks });
}
