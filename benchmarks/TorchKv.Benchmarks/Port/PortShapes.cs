namespace TorchKv.Benchmarks.Port;

/// <summary>The shapes that the port is measured with. A GPU has more to do than a CPU in the same minutes.</summary>
internal static class PortShapes
{
    /// <summary>No cache, the port's two caches, and the engine's runner over a paged pool.</summary>
    public static readonly string[] Caches = ["none", "concat", "static", "paged"];

    /// <summary>The dtypes of weights, keys and values.</summary>
    public static readonly string[] DTypes = ["float32", "bfloat16", "float16"];

    /// <summary>The dtypes that are measured where none is chosen.</summary>
    public static string[] StandardDTypes(string device) => IsCpu(device) ? ["float32"] : DTypes;

    /// <summary>The shapes of one dtype.</summary>
    /// <param name="device">The device's name.</param>
    /// <param name="quick">Whether to generate about half as many tokens.</param>
    /// <param name="caches">Which of <see cref="Caches"/>; null or empty: all.</param>
    /// <param name="batches">Sequences; null or empty: the device's own.</param>
    /// <param name="prompt">Tokens of the prompts; null: the device's own.</param>
    public static IReadOnlyList<PortShape> Of(
        string device, bool quick = false, string[]? caches = null, int[]? batches = null, int? prompt = null)
    {
        var cpu = IsCpu(device);
        if (batches is not { Length: > 0 })
        {
            batches = cpu ? [1, 8] : [1, 8, 32];
        }

        return
        [
            .. from batch in batches
               from cache in Caches.Intersect(caches is { Length: > 0 } ? caches : Caches)
               let tokens = cpu ? TokensOnCpu(cache, batch) : TokensOnGpu(cache)
               select new PortShape(cache, batch, prompt ?? (cpu ? 48 : 512), quick ? Math.Max(3, tokens / 2) : tokens),
        ];
    }

    /// <summary>Whether a device's name is the CPU's.</summary>
    public static bool IsCpu(string device) => device == "cpu";

    // Enough tokens for a median, few enough that all shapes take minutes.
    private static int TokensOnCpu(string cache, int batch) => (cache, batch) switch
    {
        ("none", 1) => 12,
        ("none", _) => 4,
        (_, 1) => 40,
        _ => 20,
    };

    private static int TokensOnGpu(string cache) => cache == "none" ? 16 : 64;
}
