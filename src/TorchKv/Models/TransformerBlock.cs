using TorchKv.Caching;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchKv.Models;

/// <summary>A pre-norm transformer block: attention and feed-forward network, each with a shortcut around it.</summary>
public sealed class TransformerBlock : nn.Module<Tensor, bool, Tensor?, Tensor>
{
    /// <summary>Block <paramref name="layer"/>, counted from 0.</summary>
    public TransformerBlock(GPTConfig cfg, int layer = 0, Device? device = null, ScalarType? dtype = null)
        : base(nameof(TransformerBlock))
    {
        att = new MultiHeadAttention(
            d_in: cfg.emb_dim,
            d_out: cfg.emb_dim,
            num_heads: cfg.n_heads,
            dropout: cfg.attn_pdrop ?? cfg.drop_rate,
            qkv_bias: cfg.qkv_bias,
            scale: cfg.attention_scale(layer),
            upcast: cfg.reorder_and_upcast_attn,
            kv_cache: cfg.kv_window_size is { } window
                ? KvCache.create(KvCacheKind.SlidingWindow, cfg.context_length, window)
                : new ConcatKvCache(),
            device: device,
            dtype: dtype);
        ff = new FeedForward(cfg, device, dtype);
        norm1 = new LayerNorm(cfg.emb_dim, cfg.layer_norm_epsilon, device, dtype);
        norm2 = new LayerNorm(cfg.emb_dim, cfg.layer_norm_epsilon, device, dtype);
        drop_shortcut = nn.Dropout(cfg.resid_pdrop ?? cfg.drop_rate);
        RegisterComponents();
    }

    /// <summary>Attention.</summary>
    public readonly MultiHeadAttention att;

    /// <summary>The feed-forward network.</summary>
    public readonly FeedForward ff;

    /// <summary>Before attention, and before the feed-forward network.</summary>
    public readonly LayerNorm norm1, norm2;

    /// <summary>Before each shortcut is added, in training only.</summary>
    public readonly Dropout drop_shortcut;

    /// <summary>(b, num_tokens, emb_dim) → the same shape.</summary>
    /// <inheritdoc cref="MultiHeadAttention.forward"/>
    public override Tensor forward(Tensor x, bool use_cache, Tensor? mask)
    {
        using var scope = NewDisposeScope();

        var shortcut = x;
        x = norm1.call(x);
        x = att.call(x, use_cache, mask);                                   // (b, num_tokens, emb_dim)
        x = drop_shortcut.call(x);
        x = x + shortcut;

        shortcut = x;
        x = norm2.call(x);
        x = ff.call(x);
        x = drop_shortcut.call(x);
        x = x + shortcut;

        return x.MoveToOuterDisposeScope();
    }
}
