namespace TorchKv.Cli.Models;

/// <summary>What libtorch offers on this machine: nothing, since this program has none.</summary>
internal static class TorchFacts
{
    public static int CudaDevices() => 0;
}
