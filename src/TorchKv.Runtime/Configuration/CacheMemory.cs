namespace TorchKv.Runtime.Configuration;

/// <summary>
/// The size of a KV cache: elements = 2 · layers · heads · head_dim · tokens · batch, where 2 stands for keys and
/// values.
/// </summary>
/// <remarks>Counts that pass 2⁶³ − 1 throw <see cref="OverflowException"/>; they never wrap.</remarks>
public sealed record CacheMemory
{
    /// <summary>The cache of a model of this shape.</summary>
    /// <param name="layers">Transformer blocks.</param>
    /// <param name="heads">Heads per layer that have keys and values of their own.</param>
    /// <param name="headDim">Elements of one head's key, and of its value.</param>
    /// <param name="bitsPerElement">
    /// 32 for float32, 16 for float16 and bfloat16, 8 for int8, 4 for int4; the scales of int8 and int4 are not
    /// counted.
    /// </param>
    /// <exception cref="ConfigurationException">A size is not positive.</exception>
    public CacheMemory(int layers, int heads, int headDim, int bitsPerElement = 32)
    {
        Layers = Positive("layers", layers);
        Heads = Positive("heads", heads);
        HeadDim = Positive("head_dim", headDim);
        BitsPerElement = Positive("bits per element", bitsPerElement);
    }

    /// <summary>The cache of a model.</summary>
    public CacheMemory(Gpt2Config config, int bitsPerElement = 32)
        : this(config.LayerCount, config.HeadCount, config.HeadDim, bitsPerElement)
    {
    }

    /// <summary>Transformer blocks.</summary>
    public int Layers { get; }

    /// <summary>Heads per layer.</summary>
    public int Heads { get; }

    /// <summary>Elements of one head's key, and of its value.</summary>
    public int HeadDim { get; }

    /// <summary>Bits of one stored element.</summary>
    public int BitsPerElement { get; }

    /// <summary>Elements that one token's keys and values take in all layers: 2 · layers · heads · head_dim.</summary>
    public long ElementsPerToken => checked(2L * Layers * Heads * HeadDim);

    /// <summary>Elements for <paramref name="batch"/> sequences of <paramref name="tokens"/> tokens.</summary>
    public long Elements(long tokens, long batch = 1) =>
        checked(ElementsPerToken * NotNegative(nameof(tokens), tokens) * NotNegative(nameof(batch), batch));

    /// <summary>
    /// Bytes for <paramref name="batch"/> sequences of <paramref name="tokens"/> tokens; half a byte counts as one.
    /// </summary>
    public long Bytes(long tokens, long batch = 1) =>
        checked((long)(((Int128)Elements(tokens, batch) * BitsPerElement) + 7 >> 3));

    /// <summary>How many sequences of <paramref name="tokens"/> tokens fit <paramref name="memory"/> bytes.</summary>
    public long LargestBatch(long memory, long tokens) => Fits(memory, Positive(nameof(tokens), tokens));

    /// <summary>
    /// How many tokens each of <paramref name="batch"/> sequences may have in <paramref name="memory"/> bytes.
    /// </summary>
    public long LargestContext(long memory, long batch = 1) => Fits(memory, Positive(nameof(batch), batch));

    /// <summary>
    /// How often a token's keys and values are computed in one layer when each pass computes the whole sequence again:
    /// Σ t for t = P … P + N − 1, where pass i of N begins with P + i tokens.
    /// </summary>
    /// <param name="promptTokens">P, at least 1.</param>
    /// <param name="newTokens">N; each takes a pass.</param>
    public static long ComputationsWithoutCache(long promptTokens, long newTokens)
    {
        Int128 p = Positive(nameof(promptTokens), promptTokens), n = NotNegative(nameof(newTokens), newTokens);
        return checked((long)(n * ((2 * p) + n - 1) / 2));
    }

    /// <summary>
    /// How often a token's keys and values are computed in one layer with a cache: once for each token of the prompt
    /// and for each new token but the last, which no pass reads: P + N − 1.
    /// </summary>
    /// <param name="promptTokens">P, at least 1.</param>
    /// <param name="newTokens">N; without any there is no pass.</param>
    public static long ComputationsWithCache(long promptTokens, long newTokens)
    {
        Positive(nameof(promptTokens), promptTokens);
        return NotNegative(nameof(newTokens), newTokens) == 0 ? 0 : checked(promptTokens + newTokens - 1);
    }

    private long Fits(long memory, long others)
    {
        var bitsEach = (Int128)ElementsPerToken * BitsPerElement * others;
        return (long)((Int128)NotNegative(nameof(memory), memory) * 8 / bitsEach);
    }

    private static int Positive(string field, int value) => (int)Positive(field, (long)value);

    private static long Positive(string field, long value) =>
        value > 0 ? value : throw new ConfigurationException("cache", field, $"{value} is not positive.");

    private static long NotNegative(string field, long value) =>
        value >= 0 ? value : throw new ConfigurationException("cache", field, $"{value} is negative.");
}
