namespace TorchKv.Cli.Models;

/// <summary>The port's caches, as <c>--cache</c> names them.</summary>
internal static class CacheKinds
{
    public const string None = "none";
    public const string Concat = "concat";
    public const string Static = "static";
    public const string SlidingWindow = "sliding-window";
    public const string Quantized = "quantized";

    /// <summary>The engine's pool of blocks. <c>--cache</c> does not take this name.</summary>
    public const string Paged = "paged";

    public static string[] Names { get; } = [None, Concat, Static, SlidingWindow, Quantized];
}
