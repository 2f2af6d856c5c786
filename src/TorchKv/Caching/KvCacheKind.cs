namespace TorchKv.Caching;

/// <summary>The kinds of <see cref="KvCache"/>.</summary>
public enum KvCacheKind
{
    /// <summary><see cref="ConcatKvCache"/>.</summary>
    Concat,

    /// <summary><see cref="StaticKvCache"/>.</summary>
    Static,

    /// <summary><see cref="SlidingWindowKvCache"/>.</summary>
    SlidingWindow,

    /// <summary><see cref="QuantizedKvCache"/>.</summary>
    Quantized,
}
