using TorchKv.Benchmarks.Kernels;

namespace TorchKv.Benchmarks.Peers;

/// <summary>What the machine can do at most, measured in the same run.</summary>
/// <param name="ReadGigabytesPerSecond">Reading memory with all threads.</param>
/// <param name="FmaGigaflops">Fused multiply-adds on registers, float32, two operations each.</param>
/// <param name="DotGigaops">Integer dot products on registers, two operations a product; NaN where there is no such instruction.</param>
internal sealed record MachineLimits(double ReadGigabytesPerSecond, double FmaGigaflops, double DotGigaops)
{
    /// <summary>Measures now.</summary>
    public static MachineLimits Measure(int threads) =>
        new(MachinePeaks.Bandwidth(threads) / 1e9, MachinePeaks.Flops(threads) / 1e9, (MachinePeaks.DotOperations(threads) ?? double.NaN) / 1e9);
}
