using System.Text.Json;
using TorchKv.Caching;
using TorchKv.Models;
using static TorchKv.Models.TextGeneration;
using static TorchSharp.torch;

namespace TorchKv.Tests.Models;

/// <summary>The port against the article's three scripts, recorded with PyTorch 2.13.</summary>
[Collection(nameof(TorchGenerator))]
public class ArticleTests
{
    public static TheoryData<string> Cases => ["article-small", "article-biased"];

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheSameSeedGivesTheSameWeightsBitForBit(string name)
    {
        using var golden = Golden.Article(name);
        using var model = Model(golden);
        var state = model.state_dict();
        var recorded = golden.TensorNames.Where(tensor => tensor.StartsWith("state.", StringComparison.Ordinal)).ToList();
        Assert.Equal(state.Count, recorded.Count);
        foreach (var tensor in recorded)
        {
            Assert.True(
                Close.Values(golden[tensor]).Select(BitConverter.SingleToInt32Bits).SequenceEqual(
                    Close.Values(state[tensor["state.".Length..]]).Select(BitConverter.SingleToInt32Bits)),
                $"{tensor} differs");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void StateDictHasTheArticlesKeysWhateverIsInTheCache(string name)
    {
        using var golden = Golden.Article(name);
        using var model = Model(golden);
        var keys = golden.Json.GetProperty("state_dict_keys").GetProperty("gpt_with_kv_cache").EnumerateArray().Select(key => key.GetString()!).ToList();
        Assert.Equal(keys.Order(StringComparer.Ordinal), model.state_dict().Keys.Order(StringComparer.Ordinal));

        using var logits = model.forward(golden.Ids("prompt"), use_cache: true);
        Assert.Equal(keys.Order(StringComparer.Ordinal), model.state_dict().Keys.Order(StringComparer.Ordinal));
        Assert.Contains(model.named_buffers(), buffer => buffer.name.EndsWith("cache_k", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void GenerationGivesTheArticlesIdsWithAndWithoutACache(string name)
    {
        using var golden = Golden.Article(name);
        using var model = Model(golden);
        model.eval();
        foreach (var (recorded, prompt) in new[]
        {
            ("naive", "prompt"), ("cat", "prompt"), ("cat_no_cache", "prompt"), ("cat_batch", "batch"),
            ("static", "prompt"), ("static_no_cache", "prompt"), ("static_batch", "batch"),
        })
        {
            var expected = Golden.Rows(golden.Json.GetProperty(recorded));
            Assert.Equal(expected, Generate(model, golden.Ids(prompt), 24, use_cache: false));
            foreach (var kind in Enum.GetValues<KvCacheKind>())
            {
                model.set_kv_cache(kind);
                Assert.Equal(expected, Generate(model, golden.Ids(prompt), 24, use_cache: true));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void AWindowGivesTheIdsOfTheArticlesKvWindowSize(string name)
    {
        using var golden = Golden.Article(name);
        foreach (var window in golden.Json.EnumerateObject().Where(property => property.Name.StartsWith("window_", StringComparison.Ordinal)))
        {
            var size = int.Parse(window.Name["window_".Length..]);
            using var model = Model(golden, size);
            model.eval();
            var prompt = golden.Ids("prompt");
            using var start = prompt.narrow(1, 0, Math.Min(size, prompt.size(1)));
            Assert.IsType<SlidingWindowKvCache>(model.kv_cache);
            Assert.Equal(Golden.Rows(window.Value), Generate(model, start, 24, use_cache: true));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void PrefillStepCacheAndPositionAreTheArticles(string name)
    {
        using var golden = Golden.Article(name);
        using var model = Model(golden);
        model.eval();
        using var no_gradients = no_grad();
        var batch = golden.Ids("batch");
        Close.To(golden["no_cache.logits"], model.forward(batch), "no_cache.logits");

        Close.To(golden["prefill.logits"], model.forward(batch, use_cache: true), "prefill.logits");
        Close.To(golden["step.logits"], model.forward(batch.narrow(1, 0, 1), use_cache: true), "step.logits");

        Assert.Equal(golden.Json.GetProperty("current_pos_after_step").GetInt64(), model.current_pos);
        for (var layer = 0; layer < model.cfg.n_layers; layer++)
        {
            // The article's first cached script keeps (batch, tokens, heads, head_dim)
            var att = model.trf_blocks[layer].att;
            Close.To(golden[$"cache_k.{layer}"], att.cache_k!.transpose(1, 2), $"cache_k.{layer}");
            Close.To(golden[$"cache_v.{layer}"], att.cache_v!.transpose(1, 2), $"cache_v.{layer}");
        }

        model.reset_kv_cache();
        Assert.Equal(0, model.current_pos);
        Assert.Null(model.trf_blocks[0].att.cache_k);
    }

    [Fact]
    public void DropoutActsInTrainingOnly()
    {
        using var golden = Golden.Article("article-small");
        using var model = Model(golden);
        var batch = golden.Ids("batch");
        Assert.True(model.training);
        Assert.NotEqual(Close.Values(model.forward(batch)), Close.Values(model.forward(batch)));
        model.eval();
        Assert.Equal(Close.Values(model.forward(batch)), Close.Values(model.forward(batch)));
    }

    [Fact]
    public void GradientsReachEveryParameter()
    {
        using var golden = Golden.Article("article-biased");
        using var model = Model(golden);
        var batch = golden.Ids("batch");
        var logits = model.forward(batch);
        nn.functional.cross_entropy(logits.narrow(1, 0, 6).reshape(-1, model.cfg.vocab_size), batch.narrow(1, 1, 6).reshape(-1)).backward();
        foreach (var (name, parameter) in model.named_parameters())
        {
            Assert.True(parameter.grad is { } gradient && gradient.abs().max().item<float>() > 0, $"{name} has no gradient");
        }
    }

    private static GPTModel Model(Golden golden, int? window = null)
    {
        manual_seed(golden.Json.GetProperty("seed").GetInt64());
        return new GPTModel(GPTConfig.from_json(golden.Json.GetProperty("config").GetRawText()) with { kv_window_size = window });
    }

    private static long[][] Generate(GPTModel model, Tensor ids, int new_tokens, bool use_cache)
    {
        using var scope = NewDisposeScope();
        return Golden.ToRows(use_cache
            ? generate_text_simple_cached(model, ids, new_tokens)
            : generate_text_simple(model, ids, new_tokens));
    }
}
