using TorchKv.Caching;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.TestSupport;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Tests.Caching;

/// <summary>What every kind of cache does, against lists of what each row has seen.</summary>
public class KvCacheContractTests
{
    public static TheoryData<string> Kinds => CacheKinds.Names;

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EveryOffsetAndLengthGivesBackWhatWasPutIn(string kind)
    {
        for (var offset = 0; offset < CacheKinds.Capacity; offset++)
        {
            for (var tokens = 1; offset + tokens <= CacheKinds.Capacity; tokens++)
            {
                using var cache = CacheKinds.All[kind]();
                var oracle = new CacheOracle(seed: (offset * 100) + tokens, cache);
                if (offset > 0)
                {
                    oracle.Update(offset);
                }

                oracle.Update(tokens);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void RandomOperationsGiveWhatListsGive(string kind)
    {
        for (var seed = 0; seed < 60; seed++)
        {
            using var cache = CacheKinds.All[kind]();
            var oracle = new CacheOracle(seed, cache);
            for (var step = 0; step < 40; step++)
            {
                var room = CacheKinds.Capacity - oracle.Length;
                switch (oracle.Random.Next(12))
                {
                    case 0 when oracle.Length > 0:
                        oracle.Crop(oracle.Random.Next(oracle.Length + 1));
                        break;
                    case 1 when oracle.Length > 0:
                        oracle.Crop(oracle.Length - 1);
                        break;
                    case 2 when oracle.Length > 0:
                        oracle.Select([.. Enumerable.Range(0, oracle.Rows).Select(_ => oracle.Random.Next(oracle.Rows))]);
                        break;
                    case 3 when oracle.Length > 0:
                        oracle.Select([.. Enumerable.Range(0, oracle.Random.Next(1, 4)).Select(_ => oracle.Random.Next(oracle.Rows))]);
                        break;
                    case 4 when oracle.Rows is > 0 and < 4 && oracle.Length > 0:
                        oracle.Repeat(oracle.Random.Next(1, 3));
                        break;
                    case 5:
                        oracle.Reset();
                        break;
                    case > 8 when room > 1:
                        oracle.Update(oracle.Random.Next(1, Math.Min(room, 20) + 1));
                        break;
                    default:
                        if (room > 0)
                        {
                            oracle.Update(1);
                        }

                        break;
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void MoreThanTheCapacityIsRefusedChangingNothing(string kind)
    {
        using var cache = CacheKinds.All[kind]();
        var oracle = new CacheOracle(seed: 1, cache);
        oracle.Update(20);
        if (cache.capacity == long.MaxValue)
        {
            oracle.Update(40);
            return;
        }

        var refused = Assert.Throws<ContextLengthException>(() => oracle_like(cache, 5));
        Assert.Equal((20, 5, CacheKinds.Capacity), (refused.Used, refused.Requested, refused.Capacity));
        oracle.Update(4);
        Assert.Throws<ContextLengthException>(() => oracle_like(cache, 1));

        static void oracle_like(KvCache cache, int tokens) =>
            cache.update(zeros(cache.rows, CacheOracle.Heads, tokens, CacheOracle.HeadDim), zeros(cache.rows, CacheOracle.Heads, tokens, CacheOracle.HeadDim));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void KeysUnlikeTheCachesOwnAreRefusedChangingNothing(string kind)
    {
        using var scope = NewDisposeScope();
        using var cache = CacheKinds.All[kind]();
        var oracle = new CacheOracle(seed: 2, cache);
        oracle.Update(3);
        var rows = cache.rows;
        foreach (var (keys, values) in new[]
        {
            (zeros(rows + 1, 2, 1, 3), zeros(rows + 1, 2, 1, 3)),
            (zeros(rows, 1, 1, 3), zeros(rows, 1, 1, 3)),
            (zeros(rows, 2, 1, 4), zeros(rows, 2, 1, 4)),
            (zeros(rows, 2, 1, 3), zeros(rows, 2, 2, 3)),
            (zeros(rows, 2, 0, 3), zeros(rows, 2, 0, 3)),
            (zeros(2, 1, 3), zeros(2, 1, 3)),
            (zeros(rows, 2, 1, 3, dtype: ScalarType.BFloat16), zeros(rows, 2, 1, 3, dtype: ScalarType.BFloat16)),
            (zeros(rows, 2, 1, 3, device: META), zeros(rows, 2, 1, 3, device: META)),
        })
        {
            Assert.Throws<KvCacheException>(() => cache.update(keys, values));
        }

        Assert.Throws<KvCacheException>(() => cache.select(tensor(new[] { 0 })));
        Assert.Throws<KvCacheException>(() => cache.reorder(zeros(rows + 1, dtype: ScalarType.Int64)));
        Assert.Throws<KvCacheException>(() => cache.check_rows(0, rows));
        Assert.ThrowsAny<Exception>(() => cache.select(tensor(new[] { rows })));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.crop(4));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.crop(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.repeat(0));
        oracle.Update(2);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void StateSurvivesMovesToADtypeAndBack(string kind)
    {
        using var scope = NewDisposeScope();
        using var cache = CacheKinds.All[kind]();
        var values = arange(2 * 20 * 3, dtype: ScalarType.Float32).reshape(1, 2, 20, 3).div_(64);
        cache.update(values, values);
        cache.to(ScalarType.Float64);
        var (keys, _) = cache.update(values.narrow(2, 0, 1).to(ScalarType.Float64), values.narrow(2, 0, 1).to(ScalarType.Float64));
        Assert.Equal(ScalarType.Float64, keys.dtype);
        var seen = keys.size(2);
        var expected = cat([values, values.narrow(2, 0, 1)], dim: 2).narrow(2, 21 - seen, seen);
        Close.To(expected, keys, "keys", cache is QuantizedKvCache ? 119.0 / 64 / 254 * 1.001 : 0, 0);
        Assert.Equal(21, cache.length);

        cache.to(ScalarType.Float32);
        cache.update(values.narrow(2, 0, 1), values.narrow(2, 0, 1));
        Assert.Equal(22, cache.length);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void MovesToADeviceTakeTheBuffersAlong(string kind)
    {
        using var scope = NewDisposeScope();
        using var cache = CacheKinds.All[kind]();
        cache.update(zeros(1, 2, 20, 3), zeros(1, 2, 20, 3));
        cache.to(META);
        Assert.NotEmpty(cache.named_buffers());
        Assert.All(cache.named_buffers(), buffer => Assert.Equal(DeviceType.META, buffer.buffer.device_type));
        var (keys, _) = cache.update(zeros(1, 2, 1, 3, device: META), zeros(1, 2, 1, 3, device: META));
        Assert.Equal(DeviceType.META, keys.device_type);
        Assert.Equal(21, cache.length);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void WhatInferenceModeWroteCanBeRewrittenOutside(string kind)
    {
        using var scope = NewDisposeScope();
        using var cache = CacheKinds.All[kind]();
        var oracle = new CacheOracle(seed: 3, cache);
        using (inference_mode())
        {
            oracle.Update(18);
            oracle.Repeat(2);
            oracle.Select(0, 1);
        }

        using (no_grad())
        {
            oracle.Update(1);
            oracle.Update(2);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void BuffersOutliveTheirScopeAndLeaveNothingBehind(string kind)
    {
        using var cache = CacheKinds.All[kind]();
        var oracle = new CacheOracle(seed: 4, cache);
        using (NewDisposeScope())
        {
            oracle.Update(17);
        }

        using (NewDisposeScope())
        {
            oracle.Update(1);
        }

        Assert.All(cache.named_buffers(), buffer => Assert.False(buffer.buffer.IsInvalid));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void BytesAreThoseOfTheBuffers(string kind)
    {
        using var scope = NewDisposeScope();
        using var cache = CacheKinds.All[kind]();
        Assert.Equal(0, cache.bytes);
        cache.update(zeros(2, 4, 20, 64), zeros(2, 4, 20, 64));
        const long PerToken = 2 * 2 * 4 * 64 * sizeof(float);
        switch (cache)
        {
            case ConcatKvCache:
                Assert.Equal(20 * PerToken, cache.bytes);
                break;
            case StaticKvCache:
                Assert.Equal(24 * PerToken, cache.bytes);
                break;
            case SlidingWindowKvCache:
                Assert.Equal((cache.window + Math.Clamp(cache.window!.Value, 16, 256)) * PerToken, cache.bytes);
                break;
            case QuantizedKvCache quantized:
                var slots = quantized.quantized == 0 ? 0 : 24;
                Assert.Equal(kind switch { "quantized" => 0, "quantized, short tail" => 15, _ => 20 }, quantized.quantized);
                Assert.Equal((slots * ((PerToken / 4) + (PerToken / 64))) + ((20 - quantized.quantized) * PerToken), cache.bytes);
                break;
        }

        cache.reset();
        Assert.Equal(cache is StaticKvCache ? 24 * PerToken : 0, cache.bytes);
    }

    [Fact]
    public void EveryKindIsMadeByItsName()
    {
        Assert.Equal(
            [typeof(ConcatKvCache), typeof(StaticKvCache), typeof(SlidingWindowKvCache), typeof(QuantizedKvCache)],
            Enum.GetValues<KvCacheKind>().Select(kind => KvCache.create(kind, 16, 4).GetType()));
    }
}
