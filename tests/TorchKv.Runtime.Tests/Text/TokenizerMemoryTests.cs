namespace TorchKv.Runtime.Tests.Text;

/// <summary>The package remembers the ids of words. It must not remember all that it has ever seen.</summary>
[CollectionDefinition(nameof(TokenizerMemoryTests), DisableParallelization = true)]
[Collection(nameof(TokenizerMemoryTests))]
public class TokenizerMemoryTests
{
    [Fact]
    public void MemoryDoesNotGrowWithTheNumberOfDifferentWords()
    {
        Encode(0, 100_000);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        Encode(100_000, 400_000);
        var after = GC.GetTotalMemory(forceFullCollection: true);

        // 300,000 words kept would be some 60 MB.
        Assert.True(after - before < 25_000_000, $"{after - before} bytes more");

        static void Encode(int from, int to)
        {
            for (var i = from; i < to; i++)
            {
                Tokenizers.Gpt2.Encode($"word{(char)('a' + (i % 26))}{i}x{i * 31}");
            }
        }
    }
}
