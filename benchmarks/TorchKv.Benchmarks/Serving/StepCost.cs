using TorchKv.Running;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;

namespace TorchKv.Benchmarks.Serving;

/// <summary>A larger model whose steps are run for what they cost.</summary>
/// <param name="Folder">Its folder.</param>
/// <param name="OnTorch">Whether libtorch runs it; else the CPU runner.</param>
internal sealed record StepCost(string Folder, bool OnTorch)
{
    /// <summary>Loads it, with as many blocks as the CPU runner's options say.</summary>
    public IModelRunner Load(CpuRunnerOptions cpu)
    {
        if (!OnTorch)
        {
            return CpuRunner.Load(Folder, cpu);
        }

        var options = new TorchRunnerOptions { BlockCount = cpu.BlockCount, MaxTokensPerStep = cpu.MaxTokensPerStep };
        return TorchRunner.Load(Folder, options);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        Path.GetFileName(Path.TrimEndingDirectorySeparator(Folder)) + (OnTorch ? " on libtorch" : "");
}
