namespace TorchKv.Cli.Models;

/// <summary>What runs the model.</summary>
internal enum RunnerKind
{
    /// <summary>The managed runner of TorchKv.Runtime: no native library.</summary>
    Cpu,

    /// <summary>The port's modules on libtorch.</summary>
    Torch,
}
