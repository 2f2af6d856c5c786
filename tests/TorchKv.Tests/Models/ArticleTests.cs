using System.Runtime.InteropServices;
using System.Security.Cryptography;
using TorchKv.Caching;
using TorchKv.Models;
using TorchKv.TestSupport;
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
        var golden = ArticleCase.Load(name);
        using var model = Model(golden);
        var made = model.state_dict().ToDictionary(
            tensor => tensor.Key,
            tensor => Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(Close.Values(tensor.Value)))));
        var recorded = golden.Golden.GetProperty("state_sha256").EnumerateObject().ToDictionary(
            tensor => tensor.Name, tensor => tensor.Value.GetString()!);
        Assert.Equal(recorded, made);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void StateDictHasTheArticlesKeysWithAnyCache(string name)
    {
        var golden = ArticleCase.Load(name);
        using var model = Model(golden);
        var keys = golden.Golden.GetProperty("state_dict_keys").GetProperty("gpt_with_kv_cache").EnumerateArray().Select(key => key.GetString()!).ToList();
        Assert.Equal(keys.Order(StringComparer.Ordinal), model.state_dict().Keys.Order(StringComparer.Ordinal));

        using var logits = model.forward(golden.IdTensor("prompt"), use_cache: true);
        Assert.Equal(keys.Order(StringComparer.Ordinal), model.state_dict().Keys.Order(StringComparer.Ordinal));
        Assert.Contains(model.named_buffers(), buffer => buffer.name.EndsWith("cache_k", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void GenerationGivesTheArticlesIdsWithAndWithoutACache(string name)
    {
        var golden = ArticleCase.Load(name);
        using var model = Model(golden);
        model.eval();
        foreach (var (recorded, prompt) in new[]
        {
            ("naive", "prompt"), ("cat", "prompt"), ("cat_no_cache", "prompt"), ("cat_batch", "batch"),
            ("static", "prompt"), ("static_no_cache", "prompt"), ("static_batch", "batch"),
        })
        {
            var expected = HuggingFaceCase.Rows(golden.Golden.GetProperty(recorded));
            Assert.Equal(expected, Generate(model, golden.IdTensor(prompt), 24, use_cache: false));
            foreach (var kind in Enum.GetValues<KvCacheKind>())
            {
                model.set_kv_cache(kind);
                Assert.Equal(expected, Generate(model, golden.IdTensor(prompt), 24, use_cache: true));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void AWindowGivesTheArticlesIdsForThatSize(string name)
    {
        var golden = ArticleCase.Load(name);
        foreach (var window in golden.Golden.EnumerateObject().Where(property => property.Name.StartsWith("window_", StringComparison.Ordinal)))
        {
            var size = int.Parse(window.Name["window_".Length..]);
            using var model = Model(golden, size);
            model.eval();
            var prompt = golden.IdTensor("prompt");
            using var start = prompt.narrow(1, 0, Math.Min(size, prompt.size(1)));
            Assert.IsType<SlidingWindowKvCache>(model.kv_cache);
            Assert.Equal(HuggingFaceCase.Rows(window.Value), Generate(model, start, 24, use_cache: true));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void PrefillStepCacheAndPositionAreTheArticles(string name)
    {
        var golden = ArticleCase.Load(name);
        using var model = Model(golden);
        model.eval();
        using var no_gradients = no_grad();
        var batch = golden.IdTensor("batch");
        Close.To(golden.Tensor("no_cache.logits"), model.forward(batch), "no_cache.logits");

        Close.To(golden.Tensor("prefill.logits"), model.forward(batch, use_cache: true), "prefill.logits");
        Close.To(golden.Tensor("step.logits"), model.forward(batch.narrow(1, 0, 1), use_cache: true), "step.logits");

        Assert.Equal(golden.Golden.GetProperty("current_pos_after_step").GetInt64(), model.current_pos);
        for (var layer = 0; layer < model.cfg.n_layers; layer++)
        {
            // The article's first cached script keeps (batch, tokens, heads, head_dim)
            var att = model.trf_blocks[layer].att;
            Close.To(golden.Tensor($"cache_k.{layer}"), att.cache_k!.transpose(1, 2), $"cache_k.{layer}");
            Close.To(golden.Tensor($"cache_v.{layer}"), att.cache_v!.transpose(1, 2), $"cache_v.{layer}");
        }

        model.reset_kv_cache();
        Assert.Equal(0, model.current_pos);
        Assert.Null(model.trf_blocks[0].att.cache_k);
    }

    [Fact]
    public void DropoutActsInTrainingOnly()
    {
        var golden = ArticleCase.Load("article-small");
        using var model = Model(golden);
        var batch = golden.IdTensor("batch");
        Assert.True(model.training);
        Assert.NotEqual(Close.Values(model.forward(batch)), Close.Values(model.forward(batch)));
        model.eval();
        Assert.Equal(Close.Values(model.forward(batch)), Close.Values(model.forward(batch)));
    }

    [Fact]
    public void GradientsReachEveryParameter()
    {
        var golden = ArticleCase.Load("article-biased");
        using var model = Model(golden);
        var batch = golden.IdTensor("batch");
        var logits = model.forward(batch);
        nn.functional.cross_entropy(logits.narrow(1, 0, 6).reshape(-1, model.cfg.vocab_size), batch.narrow(1, 1, 6).reshape(-1)).backward();
        foreach (var (name, parameter) in model.named_parameters())
        {
            Assert.True(parameter.grad is { } gradient && gradient.abs().max().item<float>() > 0, $"{name} has no gradient");
        }
    }

    private static GPTModel Model(ArticleCase golden, int? window = null)
    {
        manual_seed(golden.Golden.GetProperty("seed").GetInt64());
        return new GPTModel(GPTConfig.from_json(golden.Golden.GetProperty("config").GetRawText()) with { kv_window_size = window });
    }

    private static int[][] Generate(GPTModel model, Tensor ids, int new_tokens, bool use_cache)
    {
        using var scope = NewDisposeScope();
        return to_rows(use_cache
            ? generate_text_simple_cached(model, ids, new_tokens)
            : generate_text_simple(model, ids, new_tokens));
    }
}
