using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace TorchKv.Cli.Commands;

/// <summary>Lists the instruction sets of this processor that the CPU runner's kernels use.</summary>
internal static class CpuFeatures
{
    public static IReadOnlyList<string> Find()
    {
        (string Name, bool Supported)[] all =
        [
            ("sse4.2", Sse42.IsSupported),
            ("avx", Avx.IsSupported),
            ("avx2", Avx2.IsSupported),
            ("fma", Fma.IsSupported),
            ("avxvnni", AvxVnni.IsSupported),
            ("avx512f", Avx512F.IsSupported),
            ("avx512bw", Avx512BW.IsSupported),
            ("avx512dq", Avx512DQ.IsSupported),
            ("avx512vl", Avx512F.VL.IsSupported),
            ("avx512vbmi", Avx512Vbmi.IsSupported),
            ("avx512vbmi2", Avx512Vbmi2.IsSupported),
            ("avx10.1", Avx10v1.IsSupported),
            ("avx10.2", Avx10v2.IsSupported),
            ("neon", AdvSimd.IsSupported),
            ("dotprod", Dp.IsSupported),
        ];
        return [.. all.Where(feature => feature.Supported).Select(feature => feature.Name)];
    }
}
