using TorchKv.Caching;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;
using static TorchKv.Models.TextGeneration;
using static TorchSharp.torch;

namespace TorchKv.Tests.Models;

/// <summary>The article's loops over the port: HuggingFace's texts, with every cache and without one.</summary>
public sealed class TextGenerationTests : IDisposable
{
    private const int Context = 64;

    private readonly IDisposable _scope = NewDisposeScope();

    // int8 rounds, so its text may leave the others' where two tokens are almost equally likely
    private static readonly KvCacheKind?[] Exact =
    [
        null, KvCacheKind.Concat, KvCacheKind.Static, KvCacheKind.SlidingWindow,
    ];

    public static TheoryData<KvCacheKind?> ExactCaches { get; } = new(Exact);

    public static TheoryData<KvCacheKind?> AllCaches { get; } = new((KvCacheKind?[])[.. Exact, KvCacheKind.Quantized]);

    public static TheoryData<string, KvCacheKind?> CasesAndCaches { get; } = new(
        from name in HuggingFaceCase.Names
        from cache in Exact
        select (name, cache));

    public static TheoryData<string> Cases { get; } = [.. HuggingFaceCase.Names];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(CasesAndCaches))]
    public void GreedyTokensAreHuggingFaces(string name, KvCacheKind? cache)
    {
        var golden = HuggingFaceCase.Load(name);
        using var model = GPTModel.from_pretrained(golden.Folder);
        var greedy = golden.Golden.GetProperty("greedy");
        var (idx, _) = left_pad([golden.Ids("prompt_ids")[0]]);
        var text = Generate(model, cache, idx, null, greedy.GetProperty("max_new_tokens").GetInt32());
        Assert.Equal(HuggingFaceCase.Rows(greedy.GetProperty("sequences"))[0], text[0]);
    }

    [Theory]
    [MemberData(nameof(CasesAndCaches))]
    public void RowsOfUnequalLengthAreHuggingFacesLeftPaddedOnes(string name, KvCacheKind? cache)
    {
        var golden = HuggingFaceCase.Load(name);
        using var model = GPTModel.from_pretrained(golden.Folder);
        var batch = golden.Golden.GetProperty("greedy_batch_leftpad");
        var (padded, seen) = (golden.Ids("leftpad_ids"), golden.Ids("leftpad_mask"));
        var (idx, mask) = left_pad([.. padded.Zip(seen, (ids, mask) => ids[mask.Count(m => m == 0)..])]);
        Assert.Equal(seen, to_rows(mask!));
        var text = Generate(model, cache, idx, mask, batch.GetProperty("max_new_tokens").GetInt32());
        var expected = HuggingFaceCase.Rows(batch.GetProperty("sequences"));
        for (var row = 0; row < expected.Length; row++)
        {
            Assert.Equal(expected[row][padded[row].Length..], text[row][padded[row].Length..]);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void ProcessorsChangeTheTokensAsHuggingFacesDo(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        using var model = GPTModel.from_pretrained(golden.Folder);
        var (idx, _) = left_pad([golden.Ids("prompt_ids")[0]]);
        foreach (var settings in golden.Golden.GetProperty("greedy_processors").EnumerateArray())
        {
            var options = new GenerationOptions
            {
                RepetitionPenalty = settings.TryGetProperty("repetition_penalty", out var penalty)
                    ? penalty.GetSingle()
                    : null,
                NoRepeatNgramSize = settings.TryGetProperty("no_repeat_ngram_size", out var size)
                    ? size.GetInt32()
                    : null,
            };
            var next = sampling(new Sampler(model.cfg.vocab_size), options);
            var text = Generate(
                model, KvCacheKind.Static, idx, null, settings.GetProperty("max_new_tokens").GetInt32(), next);
            Assert.Equal(HuggingFaceCase.Rows(settings.GetProperty("sequences"))[0], text[0]);
        }
    }

    [Theory]
    [MemberData(nameof(ExactCaches))]
    public void ABatchRowEqualsItAloneToTheContextsEnd(KvCacheKind? cache)
    {
        using var model = Load();
        int[][] prompts = [Prompt(1, Context - 2), Prompt(2, 45), Prompt(3, 3)];
        var (idx, mask) = left_pad(prompts);
        var together = Generate(model, cache, idx, mask, Context - 3);
        for (var row = 0; row < prompts.Length; row++)
        {
            var count = Context - prompts[row].Length;
            var (own, _) = left_pad([prompts[row]]);
            var alone = Generate(model, cache, own, null, count);
            Assert.Equal(alone[0][^count..], together[row][(int)idx.size(1)..][..count]);
        }
    }

    [Theory]
    [MemberData(nameof(ExactCaches))]
    public void PastTheContextFirstTokensAreCutLikeTheArticle(KvCacheKind? cache)
    {
        using var model = Load();
        var (idx, _) = left_pad([Prompt(4, 20)]);
        var text = idx;
        for (var i = 0; i < 12; i++)
        {
            var seen = text.narrow(1, Math.Max(0, text.size(1) - 24), Math.Min(24, text.size(1)));
            text = cat([text, model.forward(seen)[.., -1].argmax(-1, keepdim: true)], dim: 1);
        }

        Assert.Equal(to_rows(text), Generate(model, cache, idx, null, 12, context_size: 24));
    }

    [Theory]
    [MemberData(nameof(AllCaches))]
    public void ASecondTurnEqualsARunOnTheJoinedText(KvCacheKind? cache)
    {
        using var model = Load();
        using var fresh = Load();
        var (first, _) = left_pad([Prompt(5, 3)]);
        var (joined, _) = left_pad([[.. Generate(model, cache, first, null, 8)[0], 106, 177]]);
        Assert.Equal(Generate(fresh, cache, joined, null, 8), Generate(model, cache, joined, null, 8));
    }

    [Theory]
    [MemberData(nameof(AllCaches))]
    public void NothingOfOneGenerationIsSeenByTheNext(KvCacheKind? cache)
    {
        using var model = Load();
        var (idx, _) = left_pad([Prompt(6, 4)]);
        var (others, mask) = left_pad([Prompt(7, 9), Prompt(8, 2), Prompt(9, 12)]);
        var before = Generate(model, cache, idx, null, 10);
        Generate(model, cache, others, mask, 5);
        var left = 3;
        Generate(model, cache, idx, null, 10, (logits, _) => left-- > 0 ? logits.argmin(-1, keepdim: true) : null);
        Assert.Equal(before, Generate(model, cache, idx, null, 10));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(KvCacheKind.Static)]
    public void ChoosingNothingEndsTheText(KvCacheKind? cache)
    {
        using var model = Load();
        var (idx, _) = left_pad([Prompt(10, 4)]);
        Assert.Equal(to_rows(idx), Generate(model, cache, idx, null, 10, (_, _) => null));
        Assert.Equal(to_rows(idx), Generate(model, cache, idx, null, 0));
    }

    [Fact]
    public void OneSeedGivesOneTextAloneAndInABatch()
    {
        using var model = GPTModel.from_pretrained(RepositoryFiles.Weights("storyteller"));
        var tokenizer = Gpt2Tokenizer.Load(RepositoryFiles.Weights("storyteller"));
        var sampler = new Sampler(model.cfg.vocab_size);
        var options = new GenerationOptions
        {
            Temperature = 0.9f,
            TopP = 0.95f,
            TopK = 50,
            RepetitionPenalty = 1.1f,
            Seed = 11,
        };
        int[][] prompts = [[.. tokenizer.Encode("Once upon a time")], [.. tokenizer.Encode(
            "One day, a big dog and a")]];
        var (idx, mask) = left_pad(prompts);
        var together = Generate(model, KvCacheKind.Static, idx, mask, 25, sampling(sampler, options, mask));
        for (var row = 0; row < prompts.Length; row++)
        {
            var (own, _) = left_pad([prompts[row]]);
            Assert.Equal(
                Generate(model, KvCacheKind.Static, own, null, 25, sampling(sampler, options))[0][^25..],
                together[row][^25..]);
        }

        var other = sampling(sampler, options with { Seed = 12 }, mask);
        Assert.NotEqual(together[0], Generate(model, KvCacheKind.Static, idx, mask, 25, other)[0]);
        Assert.Throws<OptionException>(() => sampling(sampler, options with { TopP = 2 }));
    }

    [Fact]
    public void AWindowPastTheContextTakesTheContextsMemory()
    {
        using var model = Load();
        model.set_kv_cache(KvCacheKind.SlidingWindow, kv_window_size: 1 << 24);
        Assert.Equal(Context, model.kv_cache.window);
        model.forward(left_pad([Prompt(11, 5)]).idx, use_cache: true);
        Assert.Equal(2 * Context, model.kv_cache.cache_k!.size(2));
        using var configured = new GPTModel(model.cfg with { kv_window_size = 1 << 24 });
        Assert.Equal(Context, configured.kv_cache.window);
    }

    private static GPTModel Load() => GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"));

    private static int[][] Generate(
        GPTModel model, KvCacheKind? cache, Tensor idx, Tensor? mask, int tokens, NextToken? next = null,
        long? context_size = null)
    {
        if (cache is not { } kind)
        {
            return to_rows(generate_text_simple(model, idx, tokens, context_size, mask, next));
        }

        model.set_kv_cache(kind);
        return to_rows(generate_text_simple_cached(model, idx, tokens, context_size, mask, next));
    }

    private static int[] Prompt(int seed, int length)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(211))];
    }
}
