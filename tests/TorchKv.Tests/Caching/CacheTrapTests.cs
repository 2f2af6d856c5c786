using TorchKv.Caching;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Testing;
using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.Tests.Caching;

/// <summary>The places where KV caches go wrong, each by a whole model against a recompute in loops of doubles.</summary>
[Trait("speed", "fast")]
public class CacheTrapTests : IDisposable
{
    private const int Context = 12;
    private readonly IDisposable scope = NewDisposeScope();
    private readonly IDisposable mode = inference_mode();
    private readonly TemporaryFolder folder = new();
    private readonly GPTModel model;
    private readonly ReferenceGpt2 slow;

    public CacheTrapTests()
    {
        FormulaCheckpoint.Write(folder.Path, new Gpt2Config
        {
            VocabSize = 17,
            ContextLength = Context,
            EmbeddingSize = 8,
            HeadCount = 2,
            LayerCount = 2,
            InnerSize = 32,
            BosTokenId = 0,
            EosTokenIds = [0],
        });
        model = GPTModel.from_pretrained(folder.Path);
        slow = ReferenceGpt2.Load(folder.Path);
    }

    public static TheoryData<string> Kinds => CacheKinds.Names;

    public void Dispose()
    {
        model.Dispose();
        mode.Dispose();
        scope.Dispose();
        folder.Dispose();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EveryOffsetAndLengthEqualsAFullRecompute(string kind)
    {
        int[] ids = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8];
        model.set_kv_cache(CacheKinds.All[kind]);
        var expected = slow.Logits(ids, Window);
        for (var offset = 0; offset < Context; offset++)
        {
            for (var tokens = 1; offset + tokens <= Context; tokens++)
            {
                model.reset_kv_cache();
                if (offset > 0)
                {
                    Feed(ids[..offset]);
                }

                Compare(expected[offset..(offset + tokens)], Feed(ids[offset..(offset + tokens)]), $"offset {offset}, length {tokens}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AChunkOnAWarmCacheIsMaskedByPositions(string kind)
    {
        // A causal flag aligned top-left would let the chunk's first token see only the cache's first
        model.set_kv_cache(CacheKinds.All[kind]);
        var expected = slow.Logits([7, 7, 2, 0, 9, 6], Window);
        Feed(7, 7, 2);
        Compare(expected[3..], Feed(0, 9, 6), "a chunk of three after three");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void ATokenSeesExactlyTheWindowItsOwnKeyIncluded(int window)
    {
        int[] ids = [3, 1, 4, 1, 5, 9, 2, 6, 5];
        var expected = slow.Logits(ids, window);
        model.set_kv_cache(() => new SlidingWindowKvCache(window));
        for (var t = 0; t < ids.Length; t++)
        {
            Compare(expected[t..(t + 1)], Feed(ids[t]), $"token {t}");
        }
    }

    [Theory]
    [InlineData(1, 8)]
    [InlineData(3, 9)]
    [InlineData(4, 5)]
    public void ASmallWindowNeitherSeesTheFutureNorLosesKeys(int window, int chunk)
    {
        int[] ids = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8];
        var expected = slow.Logits(ids, window);
        model.set_kv_cache(() => new SlidingWindowKvCache(window));
        Feed(ids[..2]);
        Compare(expected[2..(2 + chunk)], Feed(ids[2..(2 + chunk)]), "the chunk");
        Compare(expected[(2 + chunk)..(3 + chunk)], Feed(ids[2 + chunk]), "the token after it");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void APositionPastTheContextIsRefusedChangingNothing(string kind)
    {
        model.set_kv_cache(CacheKinds.All[kind]);
        Feed(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
        var refused = Assert.Throws<ContextLengthException>(() => Feed(1, 2, 3));
        Assert.Equal((10, 3, Context), (refused.Used, refused.Requested, refused.Capacity));
        Assert.Equal(10, model.current_pos);

        var expected = slow.Logits([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2], Window);
        Compare(expected[10..], Feed(1, 2), "up to the context's end");
        Assert.Throws<ContextLengthException>(() => Feed(1));
        Assert.Throws<ContextLengthException>(() => model.forward(ones(1, Context + 1, dtype: ScalarType.Int64)));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AnOverflowIsRefusedBeforeTheFirstLayerChanges(string kind)
    {
        model.set_kv_cache(CacheKinds.All[kind]);
        Feed(1, 2, 3);
        Assert.Throws<KvCacheException>(() => model.forward(ones(2, 1, dtype: ScalarType.Int64), use_cache: true));
        Assert.Throws<TorchKvException>(() => model.forward(ones(3, dtype: ScalarType.Int64), use_cache: true));
        Assert.Throws<TorchKvException>(() => model.forward(ones(1, 0, dtype: ScalarType.Int64), use_cache: true));
        Assert.Throws<TorchKvException>(() => model.forward(ones(1, 1, dtype: ScalarType.Int64), use_cache: true, attention_mask: ones(1, 1)));
        Assert.Throws<TorchKvException>(() => model.forward(ones(1, 1, dtype: ScalarType.Int64), use_cache: true, position_ids: zeros(2, dtype: ScalarType.Int64)));
        Assert.ThrowsAny<Exception>(() => Feed(model.cfg.vocab_size));
        Assert.Throws<KvCacheException>(() => model.reorder_kv_cache(1));
        Assert.All(model.trf_blocks, blk => Assert.Equal(3, blk.att.kv_cache.length));
        Compare(slow.Logits([1, 2, 3, 4], Window)[3..], Feed(4), "the token after the refusals");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void LeftPaddedRowsCountFromTheirTokensAndMaskPadding(string kind)
    {
        model.set_kv_cache(CacheKinds.All[kind]);
        int[][] rows = [[5, 9, 2, 6, 5, 3, 5], [8, 9, 7]];
        var ids = tensor(new long[,] { { 5, 9, 2, 6, 5 }, { 0, 0, 0, 0, 8 } });
        var mask = tensor(new long[,] { { 1, 1, 1, 1, 1 }, { 0, 0, 0, 0, 1 } });
        var logits = model.forward(ids, use_cache: true, attention_mask: mask);
        CompareRow(0, 0, 5, logits, 0);
        CompareRow(1, 0, 1, logits, 4);

        // Two more tokens, one after the other: the pads must stay masked
        for (var step = 0; step < 2; step++)
        {
            mask = cat([mask, ones(2, 1, dtype: ScalarType.Int64)], dim: 1);
            logits = model.forward(tensor(new long[,] { { rows[0][5 + step] }, { rows[1][1 + step] } }), use_cache: true, attention_mask: mask);
            CompareRow(0, 5 + step, 1, logits, 0);
            CompareRow(1, 1 + step, 1, logits, 0);
        }

        void CompareRow(int row, int first, int tokens, Tensor logits, int at) => Compare(
            slow.Logits(rows[row], Window)[first..(first + tokens)], logits[row].narrow(0, at, tokens).unsqueeze(0), $"row {row}, token {first}");
    }

    [Fact]
    public void AFullyMaskedRowGivesZerosNotNaN()
    {
        var mask = tensor(new long[,] { { 0, 0, 1 } });
        var logits = model.forward(tensor(new long[,] { { 1, 2, 3 } }), use_cache: true, attention_mask: mask);
        Assert.False(logits.isnan().any().item<bool>());
        Assert.False(model.kv_cache.cache_v!.isnan().any().item<bool>());
        Compare(slow.Logits([3]), logits.narrow(1, 2, 1), "the only token that is not padding");

        var unmasked = model.forward(tensor(new long[,] { { 1, 2, 3 } }), attention_mask: zeros(1, 3, dtype: ScalarType.Int64));
        Assert.False(unmasked.isnan().any().item<bool>());
    }

    [Fact]
    public void MasksAreBooleanSoHalfPrecisionStaysFinite()
    {
        using var half = GPTModel.from_pretrained(folder.Path, dtype: ScalarType.BFloat16);
        var mask = tensor(new long[,] { { 0, 0, 1, 1 } });
        var logits = half.forward(tensor(new long[,] { { 1, 2, 3, 4 } }), use_cache: true, attention_mask: mask);
        Assert.True(logits.to(ScalarType.Float32).isfinite().all().item<bool>());
        Compare(slow.Logits([3, 4]), logits.narrow(1, 2, 2), "bfloat16", 0.08);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void KeysThatAreAllZeroStillCountAsTokens(string kind)
    {
        using var cache = CacheKinds.All[kind]();
        for (var t = 1; t <= 20; t++)
        {
            var (keys, _) = cache.update(zeros(1, 1, 1, 4), zeros(1, 1, 1, 4));
            Assert.Equal(t, cache.length);
            Assert.Equal(Math.Min(t, cache.window ?? t), keys.size(2));
            Assert.False(keys.isnan().any().item<bool>());
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void ReorderCropAndSelectMoveWhateverTheCacheKeepsBesides(string kind)
    {
        // 20 tokens: a quantized cache then has an int8 part and a tail, and a window has forgotten some
        using var cache = CacheKinds.All[kind]();
        var oracle = new CacheOracle(seed: 5, cache);
        oracle.Update(19);
        oracle.Repeat(3);
        oracle.Update(1);
        oracle.Select([.. Enumerable.Range(0, oracle.Rows).Reverse()]);
        oracle.Update(1);
        oracle.Crop(20);
        oracle.Select(1, 1);
        oracle.Update(2);
        oracle.Crop(7);
        oracle.Update(1);
    }

    [Fact]
    public void AWindowThatHasForgottenRefusesToRewind()
    {
        model.set_kv_cache(() => new SlidingWindowKvCache(3));
        Feed(1, 2, 3, 4, 5);
        var refused = Assert.Throws<NotSupportedException>(() => model.crop_kv_cache(3));
        Assert.Contains("window of 3", refused.Message, StringComparison.Ordinal);
        Assert.Equal(5, model.current_pos);

        // One back is possible: what the next token sees besides itself is still there
        model.crop_kv_cache(4);
        Compare(slow.Logits([1, 2, 3, 4, 6], 3)[4..], Feed(6), "after one back");
        model.crop_kv_cache(0);
        Compare(slow.Logits([8]), Feed(8), "after all the way back");
    }

    [Fact]
    public void ASlidingWindowKeepsPositionsAndStopsAtTheContext()
    {
        model.set_kv_cache(() => new SlidingWindowKvCache(2));
        for (var t = 0; t < Context; t++)
        {
            Assert.Equal(t, model.current_pos);
            Feed(t);
        }

        Assert.Throws<ContextLengthException>(() => Feed(1));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void CroppingARejectedDraftLeavesTheNextTokensUnchanged(string kind)
    {
        model.set_kv_cache(CacheKinds.All[kind]);
        if (model.kv_cache.window < 8)
        {
            return;   // AWindowThatHasForgottenRefusesToRewind
        }

        var expected = slow.Logits([1, 2, 3, 4, 5, 6]);
        Feed(1, 2, 3);
        Feed(4, 9, 9, 9);
        model.crop_kv_cache(4);
        Compare(expected[4..], Feed(5, 6), "after a draft of which one token was right");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void ASecondTurnEqualsARunOnTheJoinedText(string kind)
    {
        model.set_kv_cache(CacheKinds.All[kind]);
        Feed(1, 2, 3);
        var answer = Feed(4);

        // The answer's last token was sampled but never fed: the second turn begins with it
        var sampled = (int)answer.argmax(-1).item<long>();
        var expected = slow.Logits([1, 2, 3, 4, sampled, 6, 7], Window);
        Compare(expected[4..], Feed(sampled, 6, 7), "the second turn");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void ARowThatEndsEarlyDoesNotDisturbTheOthers(string kind)
    {
        model.set_kv_cache(CacheKinds.All[kind]);
        model.forward(tensor(new long[,] { { 1, 2, 3 }, { 4, 5, 6 }, { 7, 8, 9 } }), use_cache: true);
        model.select_kv_cache_rows(0, 2);
        var logits = model.forward(tensor(new long[,] { { 3 }, { 2 } }), use_cache: true);
        Compare(slow.Logits([1, 2, 3, 3], Window)[3..], logits[0].unsqueeze(0), "row 0");
        Compare(slow.Logits([7, 8, 9, 2], Window)[3..], logits[1].unsqueeze(0), "row 2");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void ResetLeavesNothingForTheNextSequence(string kind)
    {
        model.set_kv_cache(CacheKinds.All[kind]);
        var expected = slow.Logits([2, 7, 1], Window);
        for (var turn = 0; turn < 3; turn++)
        {
            Feed(9, 9, 9, 9, 9);
            model.reset_kv_cache();
            Compare(expected[..2], Feed(2, 7), $"turn {turn}");
            Compare(expected[2..], Feed(1), $"turn {turn}");
            model.reset_kv_cache();
            model.forward(tensor(new long[,] { { 1 }, { 2 } }), use_cache: true);
            model.reset_kv_cache();
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AForwardWithoutTheCacheLeavesItAlone(string kind)
    {
        model.set_kv_cache(CacheKinds.All[kind]);
        var expected = slow.Logits([1, 2, 3, 4], Window);
        Feed(1, 2);
        model.forward(tensor(new long[,] { { 9, 9, 9 }, { 9, 9, 9 } }));
        Compare(expected[2..], Feed(3, 4), "after a forward without the cache");
    }

    private Tensor Feed(params int[] ids) => model.forward(tensor(ids, [1, ids.Length], dtype: ScalarType.Int64), use_cache: true);

    private int? Window => (int?)model.kv_cache.window;

    // Where there are int8 keys and values, each is off by up to 1/254 of its head's largest, and these logits, below 1, by
    // no more; that rows, positions and masks are right shows in CacheOracle to that bound for each element
    private void Compare(double[][] expected, Tensor logits, string what, double? tolerance = null)
    {
        var allowed = tolerance ?? (model.kv_cache is QuantizedKvCache ? 1.0 / 254 : 1e-4);
        Close.To(expected.SelectMany(row => row).Select(logit => (float)logit).ToArray(), Close.Values(logits), what, allowed, allowed);
    }
}
