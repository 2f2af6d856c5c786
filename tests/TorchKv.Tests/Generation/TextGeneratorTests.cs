using TorchKv.Caching;
using TorchKv.Generation;
using TorchKv.Models;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Tests.Generation;

public class TextGeneratorTests
{
    private const string Case = "gelu-new";
    private const int Context = 64;

    public static TheoryData<KvCacheKind?> ExactCaches { get; } = new((KvCacheKind?[])[null, KvCacheKind.Concat, KvCacheKind.Static, KvCacheKind.SlidingWindow]);

    public static TheoryData<KvCacheKind?> AllCaches { get; } = new((KvCacheKind?[])[null, KvCacheKind.Concat, KvCacheKind.Static, KvCacheKind.SlidingWindow, KvCacheKind.Quantized]);

    [Theory]
    [MemberData(nameof(ExactCaches))]
    public async Task OneRowOfABatchEndsEarlyAndTheOthersGoOnAsIfAlone(KvCacheKind? cache)
    {
        using var generator = TextGeneratorParityTests.Load(Case, cache);
        var prompts = Prompts(seed: 5, count: 6, longest: 20);
        var options = new GenerationOptions { MaxNewTokens = 20, EosTokenIds = [138, 76, 37] };
        var together = await Generated.Of(generator.GenerateAsync(prompts, options));
        var reasons = new HashSet<FinishReason?>();
        for (var row = 0; row < prompts.Length; row++)
        {
            var alone = await Generated.Of(generator.GenerateAsync(prompts[row], options));
            Assert.Equal(alone[0].Ids, together[row].Ids);
            Assert.Equal(alone[0].FinishReason, together[row].FinishReason);
            Assert.Equal(alone[0].Usage, together[row].Usage);
            reasons.Add(together[row].FinishReason);
        }

        Assert.Contains(FinishReason.Stop, reasons);
    }

    [Theory]
    [MemberData(nameof(ExactCaches))]
    public async Task ARowThatReachesTheContextsEndDoesNotCutShorterRowsShort(KvCacheKind? cache)
    {
        using var generator = TextGeneratorParityTests.Load(Case, cache);
        var prompts = new[] { Prompts(1, 1, 60)[0], Prompts(2, 1, 50)[0], Prompts(3, 1, 3)[0] };
        Array.Resize(ref prompts[0], Context - 2);
        var options = new GenerationOptions { MaxNewTokens = 1000, EosTokenIds = [] };
        var together = await Generated.Of(generator.GenerateAsync(prompts, options));
        for (var row = 0; row < prompts.Length; row++)
        {
            Assert.Equal(Context - prompts[row].Length, together[row].Ids.Count);
            Assert.Equal(FinishReason.Length, together[row].FinishReason);
            var alone = await Generated.Of(generator.GenerateAsync(prompts[row], options));
            Assert.Equal(alone[0].Ids, together[row].Ids);
        }
    }

    [Fact]
    public async Task TheBudgetCountsTokensNotPositions()
    {
        using var generator = TextGeneratorParityTests.Load(Case, KvCacheKind.Static);
        var rows = await Generated.Of(generator.GenerateAsync(Prompts(4, 3, 30), new() { MaxNewTokens = 7, EosTokenIds = [] }));
        Assert.All(rows.Values, row => Assert.Equal(7, row.Ids.Count));
    }

    [Fact]
    public async Task APromptAsLongAsTheContextEndsAtOnceByLength()
    {
        using var generator = TextGeneratorParityTests.Load(Case, KvCacheKind.Static);
        var full = new int[Context];
        var rows = await Generated.Of(generator.GenerateAsync([full, [1, 2]], new() { MaxNewTokens = 3, EosTokenIds = [] }));
        Assert.Empty(rows[0].Ids);
        Assert.Equal(FinishReason.Length, rows[0].FinishReason);
        Assert.Equal(3, rows[1].Ids.Count);
    }

    [Theory]
    [MemberData(nameof(AllCaches))]
    public async Task ASecondTurnEqualsAFreshRunOnTheJoinedText(KvCacheKind? cache)
    {
        using var generator = TextGeneratorParityTests.Load(Case, cache);
        using var fresh = TextGeneratorParityTests.Load(Case, cache);
        var options = new GenerationOptions { MaxNewTokens = 8, EosTokenIds = [] };
        int[] prompt = [118, 182, 181];
        var first = await Generated.Of(generator.GenerateAsync(prompt, options));
        int[] joined = [.. prompt, .. first[0].Ids, 106, 177];
        var second = await Generated.Of(generator.GenerateAsync(joined, options));
        Assert.Equal((await Generated.Of(fresh.GenerateAsync(joined, options)))[0].Ids, second[0].Ids);
    }

    [Theory]
    [MemberData(nameof(AllCaches))]
    public async Task NothingOfOneGenerationIsSeenByTheNext(KvCacheKind? cache)
    {
        using var generator = TextGeneratorParityTests.Load(Case, cache);
        var options = new GenerationOptions { MaxNewTokens = 10, EosTokenIds = [] };
        int[] prompt = [118, 182, 181, 106];
        var before = await Generated.Of(generator.GenerateAsync(prompt, options));
        await Generated.Of(generator.GenerateAsync(Prompts(9, 4, 12), options));
        await foreach (var _ in generator.GenerateAsync(prompt, options))
        {
            break;
        }

        var after = await Generated.Of(generator.GenerateAsync(prompt, options));
        Assert.Equal(before[0].Ids, after[0].Ids);
    }

    [Fact]
    public async Task TheSameSeedGivesTheSameTextAndARowOfABatchGetsWhatItGetsAlone()
    {
        using var generator = TextGenerator.Load(RepositoryFiles.Weights("storyteller"));
        var options = new GenerationOptions { MaxNewTokens = 25, Temperature = 0.9f, TopP = 0.95f, TopK = 50, Seed = 11 };
        string[] prompts = ["Once upon a time", "One day, a big dog and a"];
        var together = await Generated.Of(generator.GenerateAsync(prompts, options));
        for (var row = 0; row < prompts.Length; row++)
        {
            Assert.Equal((await Generated.Of(generator.GenerateAsync(prompts[row], options)))[0].Text, together[row].Text);
        }

        var other = await Generated.Of(generator.GenerateAsync(prompts[0], options with { Seed = 12 }));
        Assert.NotEqual(other[0].Text, together[0].Text);
    }

    [Fact]
    public async Task AStopTextThatSpansTokensEndsTheTextBeforeIt()
    {
        using var generator = TextGenerator.Load(RepositoryFiles.Weights("storyteller"));
        var options = new GenerationOptions { MaxNewTokens = 40, EosTokenIds = [] };
        var whole = (await Generated.Of(generator.GenerateAsync("Once upon a time", options)))[0].Text;
        var stop = whole.Substring(30, 9);
        var rows = await Generated.Of(generator.GenerateAsync("Once upon a time", options with { Stop = [stop] }));
        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], rows[0].Text);
        Assert.Equal(FinishReason.Stop, rows[0].FinishReason);
    }

    [Fact]
    public async Task TheModelsOwnEndOfTextEndsATextAndIsNotPartOfIt()
    {
        using var generator = TextGenerator.Load(RepositoryFiles.Weights("storyteller"));
        var rows = await Generated.Of(generator.GenerateAsync("The end. They lived happily ever after.", new() { MaxNewTokens = 400, Temperature = 0.5f, Seed = 3 }));
        Assert.Equal(FinishReason.Stop, rows[0].FinishReason);
        Assert.DoesNotContain(generator.Tokenizer!.EndOfTextId!.Value, rows[0].Ids);
        Assert.DoesNotContain(Gpt2Tokenizer.EndOfTextToken, rows[0].Text);
    }

    [Fact]
    public async Task CancellingEndsWithinOneTokenAndTheGeneratorIsFreeAgain()
    {
        using var generator = TextGenerator.Load(RepositoryFiles.Weights("storyteller"));
        using var cancel = new CancellationTokenSource();
        var pieces = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in generator.GenerateAsync("Once upon a time", new() { MaxNewTokens = 400, EosTokenIds = [] }, cancel.Token))
            {
                pieces++;
                await cancel.CancelAsync();
            }
        });
        Assert.Equal(1, pieces);
        Assert.NotEmpty((await Generated.Of(generator.GenerateAsync("Once", new() { MaxNewTokens = 2 })))[0].Ids);
    }

    [Fact]
    public async Task ATokenCancelledBeforehandRunsNothing()
    {
        using var generator = TextGeneratorParityTests.Load(Case, KvCacheKind.Static);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Generated.Of(generator.GenerateAsync([1, 2], cancellationToken: new CancellationToken(true))));
    }

    [Fact]
    public async Task ASecondGenerationWhileOneRunsIsRefusedAndTheFirstGoesOn()
    {
        using var generator = TextGeneratorParityTests.Load(Case, KvCacheKind.Static);
        var options = new GenerationOptions { MaxNewTokens = 30, EosTokenIds = [] };
        var count = 0;
        await foreach (var piece in generator.GenerateAsync([1, 2], options))
        {
            if (count++ == 0)
            {
                await Assert.ThrowsAsync<InvalidOperationException>(() => Generated.Of(generator.GenerateAsync([3], options)));
            }
        }

        Assert.Equal(30, count);
    }

    [Fact]
    public void WhatCannotBeServedIsRefusedByTheCallItself()
    {
        using var generator = TextGeneratorParityTests.Load(Case, KvCacheKind.Static);
        var tooLong = Assert.Throws<ContextLengthException>(() => generator.GenerateAsync(new int[Context + 1]));
        Assert.Equal((0, Context + 1, Context), (tooLong.Used, tooLong.Requested, tooLong.Capacity));
        Assert.Contains("empty", Assert.Throws<TorchKvException>(() => generator.GenerateAsync(Array.Empty<int>())).Message);
        Assert.Contains("211", Assert.Throws<TorchKvException>(() => generator.GenerateAsync([211])).Message);
        Assert.Contains("-1", Assert.Throws<TorchKvException>(() => generator.GenerateAsync([-1])).Message);
        Assert.Contains("tokenizer", Assert.Throws<TorchKvException>(() => generator.GenerateAsync("text")).Message);
        Assert.ThrowsAny<TorchKvException>(() => generator.GenerateAsync([1], new() { MaxNewTokens = -1 }));
        Assert.ThrowsAny<TorchKvException>(() => generator.GenerateAsync([1], new() { Temperature = float.NaN }));
    }

    [Fact]
    public async Task TheCachesUsageIsThatOfTheGeneration()
    {
        using var generator = TextGeneratorParityTests.Load(Case, KvCacheKind.Static);
        await Generated.Of(generator.GenerateAsync([1, 2, 3, 4], new() { MaxNewTokens = 6, EosTokenIds = [] }));
        // The last token is never fed: nobody asks what comes after it. 3 layers, 48 wide, keys and values, float32.
        Assert.Equal(9, generator.LastCacheUsage.Tokens);
        Assert.Equal(10, generator.LastCacheUsage.Capacity);
        Assert.Equal(10 * 3 * 48 * 2 * 4, generator.LastCacheUsage.Bytes);
        using var uncached = TextGeneratorParityTests.Load(Case, null);
        await Generated.Of(uncached.GenerateAsync([1, 2, 3, 4], new() { MaxNewTokens = 6, EosTokenIds = [] }));
        Assert.Equal(default, uncached.LastCacheUsage);
    }

    [Fact]
    public async Task AModelOfTheCallersOutlivesTheGenerator()
    {
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", Case));
        for (var i = 0; i < 2; i++)
        {
            using var generator = new TextGenerator(model);
            Assert.NotEmpty((await Generated.Of(generator.GenerateAsync([1, 2], new() { MaxNewTokens = 2 })))[0].Ids);
        }
    }

    private static int[][] Prompts(int seed, int count, int longest)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, random.Next(1, longest + 1)).Select(_ => random.Next(211)).ToArray())];
    }
}
