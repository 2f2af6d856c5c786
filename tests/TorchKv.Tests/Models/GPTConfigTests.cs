using TorchKv.Models;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Tests.Models;

[Trait("speed", "fast")]
public class GPTConfigTests
{
    [Fact]
    public void TheArticlesKeysAreRead()
    {
        var cfg = GPTConfig.from_json("""
            {"vocab_size": 503, "context_length": 48, "emb_dim": 32, "n_heads": 4, "n_layers": 2, "drop_rate": 0.1, "qkv_bias": false, "kv_window_size": 9}
            """);
        Assert.Equal(
            new GPTConfig { vocab_size = 503, context_length = 48, emb_dim = 32, n_heads = 4, n_layers = 2, drop_rate = 0.1, qkv_bias = false, kv_window_size = 9 },
            cfg);
        Assert.Equal(new GPTConfig(), GPTConfig.GPT_CONFIG_124M);
    }

    [Theory]
    [InlineData("""{"vocab_size": 0}""", "vocab_size")]
    [InlineData("""{"emb_dim": 30, "n_heads": 4}""", "n_heads")]
    [InlineData("""{"n_heads": 0}""", "n_heads")]
    [InlineData("""{"n_layers": -1}""", "n_layers")]
    [InlineData("""{"context_length": 0}""", "context_length")]
    [InlineData("""{"drop_rate": 1.5}""", "drop_rate")]
    [InlineData("""{"kv_window_size": 0}""", "kv_window_size")]
    [InlineData("""{"embed_dim": 32}""", "embed_dim")]
    [InlineData("""{"vocab_size": "many"}""", "vocab_size")]
    [InlineData("""{"vocab_size": 99999999999}""", "vocab_size")]
    [InlineData("[]", "array")]
    [InlineData("null", "null")]
    [InlineData("", "JSON")]
    public void WhatIsWrongIsNamed(string json, string names)
    {
        var error = Assert.Throws<TorchKvException>(() => GPTConfig.from_json(json));
        Assert.Contains(names, error.Message, StringComparison.Ordinal);
    }
}
