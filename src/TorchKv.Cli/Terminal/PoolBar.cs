using System.Globalization;
using TorchKv.Runtime.Serving;

namespace TorchKv.Cli.Terminal;

/// <summary>The pool of KV blocks as a bar: held, cached, free.</summary>
internal static class PoolBar
{
    private const int Cells = 40;

    public static string Line(EngineStats stats, AnsiStyle style)
    {
        var held = Share(stats.HeldBlocks, stats.TotalBlocks);
        var cached = Math.Min(Share(stats.CachedBlocks, stats.TotalBlocks), Cells - held);
        var free = Cells - held - cached;
        var bar = style.Cyan(new string('█', held))
            + style.Yellow(new string('▒', cached))
            + style.Dim(new string('·', free));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{bar} {stats.HeldBlocks} held, {stats.CachedBlocks} cached, {stats.FreeBlocks} free");
    }

    // A state that is there shows, however few blocks have it.
    private static int Share(int blocks, int total) =>
        blocks == 0 ? 0 : Math.Max(1, (int)((long)blocks * Cells / Math.Max(1, total)));
}
