using TorchKv.Runtime.Configuration;

namespace TorchKv.Runtime.Tests.Configuration;

[Trait("speed", "fast")]
public class CacheMemoryTests
{
    [Fact]
    public void Gpt2TakesSeventyTwoKibibytesAToken()
    {
        var cache = new CacheMemory(new Gpt2Config());

        Assert.Equal(72 * 1024, cache.Bytes(1));
        Assert.Equal(72L << 20, cache.Bytes(1024));
        Assert.Equal(2L * 12 * 12 * 64, cache.ElementsPerToken);
    }

    [Fact]
    public void Gpt3sCacheIsTheLiteraturesUnderEitherHeadSize()
    {
        Assert.Equal(2_415_919_104, new CacheMemory(96, 96, 64, 8).Bytes(2048));
        Assert.Equal(4_831_838_208, new CacheMemory(96, 96, 64, 16).Bytes(2048));
        Assert.Equal(9_663_676_416, new CacheMemory(96, 96, 128, 16).Bytes(2048));
    }

    [Theory]
    [InlineData(2, 99, 5_049, 100)]
    [InlineData(1, 1, 1, 1)]
    [InlineData(5, 0, 0, 0)]
    [InlineData(10, 3, 33, 12)]
    public void ComputationsAreCountedPassByPass(int prompt, int newTokens, long without, long with)
    {
        long slowly = 0;
        for (var pass = 0; pass < newTokens; pass++)
        {
            slowly += prompt + pass;
        }

        Assert.Equal(without, slowly);
        Assert.Equal(without, CacheMemory.ComputationsWithoutCache(prompt, newTokens));
        Assert.Equal(with, CacheMemory.ComputationsWithCache(prompt, newTokens));
    }

    [Fact]
    public void TheLargestBatchAndContextFitOneMoreDoesNot()
    {
        var cache = new CacheMemory(12, 12, 64, 16);
        const long memory = 24L << 30;

        var batch = cache.LargestBatch(memory, 1000);
        var context = cache.LargestContext(memory, 7);

        Assert.True(cache.Bytes(1000, batch) <= memory && cache.Bytes(1000, batch + 1) > memory);
        Assert.True(cache.Bytes(context, 7) <= memory && cache.Bytes(context + 1, 7) > memory);
        Assert.Equal(0, cache.LargestBatch(0, 1));
    }

    [Fact]
    public void FourBitElementsShareBytes() => Assert.Equal(3, new CacheMemory(1, 1, 1, 4).Bytes(3));

    [Fact]
    public void CountsThatDoNotFitThrowInsteadOfWrapping()
    {
        Assert.Throws<OverflowException>(() => new CacheMemory(int.MaxValue, int.MaxValue, int.MaxValue).ElementsPerToken);
        Assert.Throws<OverflowException>(() => new CacheMemory(96, 96, 128).Bytes(long.MaxValue / 2));
        Assert.Throws<OverflowException>(() => CacheMemory.ComputationsWithoutCache(1, long.MaxValue));
    }

    [Fact]
    public void SizesThatAreNotPositiveAreRefusedByName()
    {
        Assert.Equal("layers", Assert.Throws<ConfigurationException>(() => new CacheMemory(0, 1, 1)).Field);
        Assert.Equal("tokens", Assert.Throws<ConfigurationException>(() => new CacheMemory(1, 1, 1).Bytes(-1)).Field);
        Assert.Equal("promptTokens", Assert.Throws<ConfigurationException>(() => CacheMemory.ComputationsWithCache(0, 1)).Field);
    }
}
