namespace TorchKv.Cli.Models;

/// <summary>The implementation that runs the model.</summary>
internal enum RunnerKind
{
    /// <summary>The CPU runner of TorchKv.Runtime, in managed code; it needs no native library.</summary>
    Cpu,

    /// <summary>The port's modules, on libtorch.</summary>
    Torch,
}
