using System.Text.Json;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Models;

/// <summary>
/// A model's shape, under the article's keys; below them what HuggingFace's <c>GPT2Config</c> can say besides.
/// </summary>
public sealed record GPTConfig
{
    /// <summary>The article's GPT-2 124M.</summary>
    public static GPTConfig GPT_CONFIG_124M { get; } = new();

    /// <summary>Number of token ids.</summary>
    public int vocab_size { get; init; } = 50257;

    /// <summary>Longest sequence in tokens.</summary>
    public int context_length { get; init; } = 1024;

    /// <summary>Width of the residual stream.</summary>
    public int emb_dim { get; init; } = 768;

    /// <summary>Attention heads per layer.</summary>
    public int n_heads { get; init; } = 12;

    /// <summary>Transformer blocks.</summary>
    public int n_layers { get; init; } = 12;

    /// <summary>Probability of every dropout, in training only.</summary>
    public double drop_rate { get; init; } = 0.1;

    /// <summary>Whether the query, key and value projections have a bias.</summary>
    public bool qkv_bias { get; init; }

    /// <summary>Tokens that the cache keeps; null: all of them, in a cache that concatenates.</summary>
    public int? kv_window_size { get; init; }

    /// <summary>Width of the feed-forward network's inner layer (<c>n_inner</c>); null: 4 · emb_dim.</summary>
    public int? n_inner { get; init; }

    /// <summary>The feed-forward activation (<c>activation_function</c>).</summary>
    public Gpt2Activation activation { get; init; } = Gpt2Activation.GeluNew;

    /// <summary>Added to the variance in every LayerNorm.</summary>
    public double layer_norm_epsilon { get; init; } = 1e-5;

    /// <summary>Probability of dropout on the embeddings (<c>embd_pdrop</c>); null: <see cref="drop_rate"/>.</summary>
    public double? embd_pdrop { get; init; }

    /// <summary>
    /// Probability of dropout on the attention weights (<c>attn_pdrop</c>); null: <see cref="drop_rate"/>.
    /// </summary>
    public double? attn_pdrop { get; init; }

    /// <summary>
    /// Probability of dropout before a shortcut is added (<c>resid_pdrop</c>); null: <see cref="drop_rate"/>.
    /// </summary>
    public double? resid_pdrop { get; init; }

    /// <summary>Whether scores are divided by √head_dim.</summary>
    public bool scale_attn_weights { get; init; } = true;

    /// <summary>Whether scores of layer i, from 0, are also divided by i + 1.</summary>
    public bool scale_attn_by_inverse_layer_idx { get; init; }

    /// <summary>Whether attention scores are computed in float32 whatever the dtype.</summary>
    public bool reorder_and_upcast_attn { get; init; }

    /// <summary>Whether the output head is the token embedding.</summary>
    public bool tie_word_embeddings { get; init; }

    /// <summary>Width of the feed-forward network's inner layer.</summary>
    public int inner_dim => n_inner ?? 4 * emb_dim;

    /// <summary>What a score q·k of layer <paramref name="layer"/> (from 0) is multiplied by.</summary>
    public double attention_scale(int layer) =>
        (scale_attn_weights ? 1 / Math.Sqrt((double)emb_dim / n_heads) : 1)
        / (scale_attn_by_inverse_layer_idx ? layer + 1 : 1);

    /// <summary>The configuration of a HuggingFace checkpoint.</summary>
    public static GPTConfig from_pretrained(Gpt2Config config) => new()
    {
        vocab_size = config.VocabSize,
        context_length = config.ContextLength,
        emb_dim = config.EmbeddingSize,
        n_heads = config.HeadCount,
        n_layers = config.LayerCount,
        embd_pdrop = config.EmbeddingDropout,
        attn_pdrop = config.AttentionDropout,
        resid_pdrop = config.ResidualDropout,
        qkv_bias = true,
        n_inner = config.InnerSize,
        activation = config.Activation,
        layer_norm_epsilon = config.LayerNormEpsilon,
        scale_attn_weights = config.ScaleAttentionWeights,
        scale_attn_by_inverse_layer_idx = config.ScaleAttentionByInverseLayerIndex,
        reorder_and_upcast_attn = config.ReorderAndUpcastAttention,
        tie_word_embeddings = config.TieWordEmbeddings,
    };

    /// <summary>
    /// This configuration as HuggingFace's; the ids that begin, end and pad a text are not known here.
    /// </summary>
    public Gpt2Config to_pretrained() => new()
    {
        VocabSize = vocab_size,
        ContextLength = context_length,
        EmbeddingSize = emb_dim,
        HeadCount = n_heads,
        LayerCount = n_layers,
        InnerSize = inner_dim,
        Activation = activation,
        LayerNormEpsilon = (float)layer_norm_epsilon,
        ScaleAttentionWeights = scale_attn_weights,
        ScaleAttentionByInverseLayerIndex = scale_attn_by_inverse_layer_idx,
        ReorderAndUpcastAttention = reorder_and_upcast_attn,
        TieWordEmbeddings = tie_word_embeddings,
        EmbeddingDropout = (float)(embd_pdrop ?? drop_rate),
        AttentionDropout = (float)(attn_pdrop ?? drop_rate),
        ResidualDropout = (float)(resid_pdrop ?? drop_rate),
        BosTokenId = null,
        EosTokenIds = [],
        PadTokenId = null,
    };

    /// <summary>Reads a configuration under the article's keys; a key that it does not have is an error.</summary>
    /// <exception cref="TorchKvException">The file is not such a configuration; the message says why.</exception>
    public static GPTConfig from_json(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new TorchKvException(
                    $"The configuration is a JSON {document.RootElement.ValueKind.ToString().ToLowerInvariant()}; "
                    + "it must be an object.");
            }

            var cfg = new GPTConfig();
            foreach (var key in document.RootElement.EnumerateObject())
            {
                cfg = with_key(cfg, key.Name, key.Value);
            }

            return cfg.validated();
        }
        catch (JsonException error)
        {
            throw new TorchKvException($"The configuration is not JSON: {error.Message}", error);
        }
    }

    private static GPTConfig with_key(GPTConfig cfg, string key, JsonElement value)
    {
        return key switch
        {
            nameof(vocab_size) => cfg with { vocab_size = integer() },
            nameof(context_length) => cfg with { context_length = integer() },
            nameof(emb_dim) => cfg with { emb_dim = integer() },
            nameof(n_heads) => cfg with { n_heads = integer() },
            nameof(n_layers) => cfg with { n_layers = integer() },
            nameof(drop_rate) => cfg with { drop_rate = number() },
            nameof(qkv_bias) => cfg with { qkv_bias = truth() },
            nameof(kv_window_size) =>
                cfg with { kv_window_size = value.ValueKind == JsonValueKind.Null ? null : integer() },
            _ => throw new TorchKvException(
                $"The configuration has the key '{key}'; it can have {string.Join(", ", article_keys)}."),
        };

        int integer() =>
            value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var n) ? n : throw wrong("a whole number");

        double number() =>
            value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var n) ? n : throw wrong("a number");

        bool truth() =>
            value.ValueKind is JsonValueKind.True or JsonValueKind.False
                ? value.GetBoolean()
                : throw wrong("true or false");

        TorchKvException wrong(string wanted) => new($"{key} is {value.GetRawText()}; it must be {wanted}.");
    }

    private static readonly string[] article_keys =
    [
        nameof(vocab_size), nameof(context_length), nameof(emb_dim), nameof(n_heads), nameof(n_layers),
        nameof(drop_rate), nameof(qkv_bias), nameof(kv_window_size),
    ];

    /// <summary>This configuration, if a model can have it.</summary>
    /// <exception cref="TorchKvException">It cannot; the message names the key and the limit.</exception>
    public GPTConfig validated()
    {
        check(vocab_size >= 1, $"vocab_size is {vocab_size}; it must be 1 or more.");
        check(context_length >= 1, $"context_length is {context_length}; it must be 1 or more.");
        check(n_heads >= 1, $"n_heads is {n_heads}; it must be 1 or more.");
        check(
            emb_dim >= 1 && emb_dim % n_heads == 0,
            $"emb_dim is {emb_dim}; it must be a positive multiple of n_heads ({n_heads}).");
        check(n_layers >= 1, $"n_layers is {n_layers}; it must be 1 or more.");
        check(is_probability(drop_rate), $"drop_rate is {drop_rate}; it must lie between 0 and 1.");
        check(is_probability(embd_pdrop ?? 0), $"embd_pdrop is {embd_pdrop}; it must lie between 0 and 1.");
        check(is_probability(attn_pdrop ?? 0), $"attn_pdrop is {attn_pdrop}; it must lie between 0 and 1.");
        check(is_probability(resid_pdrop ?? 0), $"resid_pdrop is {resid_pdrop}; it must lie between 0 and 1.");
        check(kv_window_size is null or >= 1, $"kv_window_size is {kv_window_size}; it must be 1 or more.");
        check(n_inner is null or >= 1, $"n_inner is {n_inner}; it must be 1 or more.");
        check(layer_norm_epsilon >= 0, $"layer_norm_epsilon is {layer_norm_epsilon}; it must be 0 or more.");
        return this;

        static bool is_probability(double p) => p is >= 0 and <= 1;

        static void check(bool right, string otherwise)
        {
            if (!right)
            {
                throw new TorchKvException(otherwise);
            }
        }
    }
}
