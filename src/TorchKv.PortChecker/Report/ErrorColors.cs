using TorchKv.PortChecking.Comparison;

namespace TorchKv.PortChecking.Report;

/// <summary>Colours for errors: blue within the bound, yellow to red beyond it. They differ in lightness too.</summary>
internal static class ErrorColors
{
    // Error ÷ bound as a power of ten, and a colour. Between two entries the colours are mixed.
    private static readonly (double Log, int R, int G, int B)[] s_scale =
    [
        (-4, 0xE8, 0xF1, 0xFA), (0, 0x5B, 0x9B, 0xD5), (1e-9, 0xFF, 0xD1, 0x66), (2, 0xEF, 0x6C, 0x33),
        (6, 0x8B, 0x0A, 0x1A),
    ];

    /// <summary>Errors to explain the colours with, as powers of ten of error ÷ bound.</summary>
    public static IReadOnlyList<(double Log, string Text)> Legend { get; } =
    [
        (-4, "≤ bound ÷ 10⁴"), (-1, "bound ÷ 10"), (0, "bound"), (0.3, "2 ×"), (2, "100 ×"), (6, "≥ 10⁶ × bound"),
    ];

    /// <summary>The colour of an output's error.</summary>
    public static string Of(ModuleError error)
    {
        if (double.IsNaN(error.MaxRel))
        {
            return Of(s_scale[^1].Log);
        }

        // Within is decided number by number, so that the largest error alone may lie on the other side of the bound.
        var log = Math.Log10(Math.Max(error.MaxRel, 1e-30) / error.Bound);
        return Of(error.Within ? Math.Min(log, 0) : Math.Max(log, 0.05));
    }

    /// <summary>The colour of error ÷ bound, given as a power of ten.</summary>
    public static string Of(double log)
    {
        log = Math.Clamp(log, s_scale[0].Log, s_scale[^1].Log);
        var i = 0;
        while (i + 2 < s_scale.Length && log > s_scale[i + 1].Log)
        {
            i++;
        }

        var (from, to) = (s_scale[i], s_scale[i + 1]);
        var t = Math.Clamp((log - from.Log) / (to.Log - from.Log), 0, 1);
        return $"#{Mix(from.R, to.R):X2}{Mix(from.G, to.G):X2}{Mix(from.B, to.B):X2}";

        int Mix(int a, int b) => (int)Math.Round(a + ((b - a) * t));
    }
}
