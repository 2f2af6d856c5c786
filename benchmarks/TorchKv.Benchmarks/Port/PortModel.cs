using TorchKv.Runtime.Configuration;

namespace TorchKv.Benchmarks.Port;

/// <summary>The model that is measured.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Folder">Its checkpoint.</param>
/// <param name="Config">Its shape.</param>
internal sealed record PortModel(string Name, string Folder, Gpt2Config Config)
{
    /// <summary>Bytes of a number of a dtype.</summary>
    public static int Bytes(string dtype) => dtype == "float32" ? 4 : 2;
}
