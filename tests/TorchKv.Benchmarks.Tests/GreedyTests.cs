using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Tests;

public class GreedyTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(64)]
    [InlineData(1001)]
    public void TheFirstOfTheLargestLogitsIsChosen(int count)
    {
        var random = new Random(count);
        for (var round = 0; round < 200; round++)
        {
            float[] logits = [.. Enumerable.Range(0, count).Select(_ => random.Next(-20, 20) * 0.5f)];
            Assert.Equal(Array.IndexOf(logits, logits.Max()), Greedy.Best(logits));
        }
    }
}
