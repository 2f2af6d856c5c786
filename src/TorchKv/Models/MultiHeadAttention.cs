using TorchKv.Caching;
using TorchKv.Runtime.Contracts;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchKv.Models;

/// <summary>Multi-head causal self-attention with a KV cache.</summary>
public sealed class MultiHeadAttention : nn.Module<Tensor, bool, Tensor?, Tensor>
{
    /// <summary>Four projections and an empty cache.</summary>
    /// <param name="d_in">Width of the input.</param>
    /// <param name="d_out">Width of the output; a multiple of <paramref name="num_heads"/>.</param>
    /// <param name="dropout">Probability that an attention weight is dropped in training.</param>
    /// <param name="num_heads">Heads.</param>
    /// <param name="qkv_bias">Whether the three input projections have a bias.</param>
    /// <param name="scale">What q·k is multiplied by; null: 1/√head_dim.</param>
    /// <param name="upcast">
    /// Whether scores and softmax are computed in float32 (<c>reorder_and_upcast_attn</c>).
    /// </param>
    /// <param name="kv_cache">The layer's cache; null: a <see cref="ConcatKvCache"/>.</param>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="dtype">The parameters' dtype.</param>
    public MultiHeadAttention(
        long d_in, long d_out, double dropout, long num_heads, bool qkv_bias = false,
        double? scale = null, bool upcast = false, KvCache? kv_cache = null,
        Device? device = null, ScalarType? dtype = null)
        : base(nameof(MultiHeadAttention))
    {
        if (d_out % num_heads != 0)
        {
            throw new TorchKvException($"d_out ({d_out}) must be divisible by num_heads ({num_heads}).");
        }

        this.d_out = d_out;
        this.num_heads = num_heads;
        head_dim = d_out / num_heads;
        this.scale = scale ?? 1 / Math.Sqrt(head_dim);
        this.upcast = upcast;

        W_query = new Linear(d_in, d_out, bias: qkv_bias, device: device, dtype: dtype);
        W_key = new Linear(d_in, d_out, bias: qkv_bias, device: device, dtype: dtype);
        W_value = new Linear(d_in, d_out, bias: qkv_bias, device: device, dtype: dtype);
        out_proj = new Linear(d_out, d_out, device: device, dtype: dtype);
        this.dropout = nn.Dropout(dropout);
        this.kv_cache = kv_cache ?? new ConcatKvCache();
        RegisterComponents();
    }

    /// <summary>The projections, (d_out, d_in) each.</summary>
    public readonly Linear W_query, W_key, W_value, out_proj;

    /// <summary>On the attention weights, in training only.</summary>
    public readonly Dropout dropout;

    /// <summary>The layer's cache, whose buffers <c>cache_k</c> and <c>cache_v</c> are registered.</summary>
    public KvCache kv_cache;

    /// <summary>The cache's keys, (b, num_heads, slots, head_dim); null while it is empty.</summary>
    public Tensor? cache_k => kv_cache.cache_k;

    /// <summary>The cache's values, shaped as <see cref="cache_k"/>.</summary>
    public Tensor? cache_v => kv_cache.cache_v;

    /// <summary>
    /// Attends from each token of <paramref name="x"/> to the cached tokens and to those of <paramref name="x"/> up to
    /// itself.
    /// </summary>
    /// <param name="x">(b, num_tokens, d_in).</param>
    /// <param name="use_cache">Whether keys and values go through the cache.</param>
    /// <param name="mask">
    /// True where a query must not see a key, broadcast to (b, num_heads, num_tokens, keys), from <see
    /// cref="CausalMask"/>; null: all are seen.
    /// </param>
    /// <returns>(b, num_tokens, d_out).</returns>
    public override Tensor forward(Tensor x, bool use_cache, Tensor? mask)
    {
        using var scope = NewDisposeScope();
        var (b, num_tokens) = (x.size(0), x.size(1));

        var keys_new = W_key.call(x);                                       // (b, num_tokens, d_out)
        var values_new = W_value.call(x);
        var queries = W_query.call(x);

        // Heads become a batch dimension: (b, num_heads, num_tokens, head_dim)
        keys_new = keys_new.view(b, num_tokens, num_heads, head_dim).transpose(1, 2);
        values_new = values_new.view(b, num_tokens, num_heads, head_dim).transpose(1, 2);
        queries = queries.view(b, num_tokens, num_heads, head_dim).transpose(1, 2);

        var (keys, values) = use_cache ? kv_cache.update(keys_new, values_new) : (keys_new, values_new);

        if (upcast && queries.dtype != float32)
        {
            (queries, keys) = (queries.to(float32), keys.to(float32));
        }

        // queries @ keys.transpose(2, 3) / head_dim**0.5: the queries are scaled, because there are fewer of them than
        // scores
        var attn_scores = matmul(queries * scale, keys.transpose(2, 3));    // (b, num_heads, num_tokens, keys)

        // A cache that forgets gives back the last of the keys that the mask speaks of
        var mask_bool = mask is not null && mask.size(-1) > keys.size(2)
            ? mask.narrow(-1, mask.size(-1) - keys.size(2), keys.size(2))
            : mask;

        if (mask_bool is not null)
        {
            attn_scores.masked_fill_(mask_bool, double.NegativeInfinity);
        }

        var attn_weights = softmax(attn_scores, dim: -1);
        if (mask_bool?.dim() == 4)
        {
            // A padding query sees no key at all: zeros, not NaN
            attn_weights = attn_weights.masked_fill(mask_bool, 0);
        }

        attn_weights = dropout.call(attn_weights.dtype == values.dtype ? attn_weights : attn_weights.to(values.dtype));

        var context_vec = matmul(attn_weights, values).transpose(1, 2);     // (b, num_tokens, num_heads, head_dim)

        // Heads side by side again: (b, num_tokens, d_out)
        context_vec = context_vec.contiguous().view(b, num_tokens, d_out);
        context_vec = out_proj.call(context_vec);

        return context_vec.MoveToOuterDisposeScope();
    }

    /// <summary>Empties the cache.</summary>
    public void reset_cache()
    {
        kv_cache.reset();
    }

    /// <summary>Replaces the cache, with what it holds, by another.</summary>
    public void set_kv_cache(KvCache cache)
    {
        // A field that is assigned is not registered again
        register_module(nameof(kv_cache), null!);
        kv_cache.Dispose();
        kv_cache = cache;
        register_module(nameof(kv_cache), cache);
    }

    internal readonly long d_out, num_heads, head_dim;
    internal readonly double scale;
    internal readonly bool upcast;
}
