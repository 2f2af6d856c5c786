using TorchKv.Caching;

namespace TorchKv.Tests.Caching;

/// <summary>Every kind of cache, at sizes at which a few tokens reach its corners.</summary>
internal static class CacheKinds
{
    public const int Capacity = 24;

    public static IReadOnlyDictionary<string, Func<KvCache>> All { get; } = new Dictionary<string, Func<KvCache>>
    {
        ["concat"] = () => new ConcatKvCache(),
        ["static"] = () => new StaticKvCache(Capacity),
        ["static, doubling"] = () => new StaticKvCache(Capacity, initial_capacity: 1),
        ["window of 1"] = () => new SlidingWindowKvCache(1),
        ["window of 4"] = () => new SlidingWindowKvCache(4),
        ["window of 24"] = () => new SlidingWindowKvCache(Capacity),
        ["quantized"] = () => new QuantizedKvCache(Capacity),
        ["quantized, short tail"] = () => new QuantizedKvCache(Capacity, residual_length: 3),
        ["quantized, no tail"] = () => new QuantizedKvCache(Capacity, residual_length: 0),
    };

    public static TheoryData<string> Names => [.. All.Keys];
}
