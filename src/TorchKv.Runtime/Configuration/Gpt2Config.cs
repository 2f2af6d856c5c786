namespace TorchKv.Runtime.Configuration;

/// <summary>The activation of the feed-forward network, by HuggingFace's names.</summary>
public enum Gpt2Activation
{
    /// <summary>0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))); HuggingFace <c>gelu_new</c> (and <c>gelu_pytorch_tanh</c>).</summary>
    GeluNew,

    /// <summary>x·Φ(x) by the error function; HuggingFace <c>gelu</c>.</summary>
    Gelu,

    /// <summary>max(0, x).</summary>
    Relu,

    /// <summary>x·sigmoid(x); HuggingFace <c>silu</c> and <c>swish</c>.</summary>
    Silu,

    /// <summary>tanh(x).</summary>
    Tanh,
}

/// <summary>A GPT-2 model's shape and the switches that change what inference computes (HuggingFace <c>GPT2Config</c>).</summary>
public sealed record Gpt2Config
{
    /// <summary>Number of token ids (<c>vocab_size</c>).</summary>
    public int VocabSize { get; init; } = 50257;

    /// <summary>Longest sequence in tokens (<c>n_positions</c>).</summary>
    public int ContextLength { get; init; } = 1024;

    /// <summary>Width of the residual stream (<c>n_embd</c>).</summary>
    public int EmbeddingSize { get; init; } = 768;

    /// <summary>Number of transformer blocks (<c>n_layer</c>).</summary>
    public int LayerCount { get; init; } = 12;

    /// <summary>Attention heads per layer (<c>n_head</c>).</summary>
    public int HeadCount { get; init; } = 12;

    /// <summary>Width of the feed-forward network's inner layer (<c>n_inner</c>); null in the file means 4 · n_embd.</summary>
    public int InnerSize { get; init; } = 3072;

    /// <summary>The feed-forward activation (<c>activation_function</c>).</summary>
    public Gpt2Activation Activation { get; init; } = Gpt2Activation.GeluNew;

    /// <summary>Added to the variance in every LayerNorm (<c>layer_norm_epsilon</c>).</summary>
    public float LayerNormEpsilon { get; init; } = 1e-5f;

    /// <summary>Whether scores are divided by √head_dim (<c>scale_attn_weights</c>).</summary>
    public bool ScaleAttentionWeights { get; init; } = true;

    /// <summary>Whether scores of layer i (from 0) are also divided by i + 1 (<c>scale_attn_by_inverse_layer_idx</c>).</summary>
    public bool ScaleAttentionByInverseLayerIndex { get; init; }

    /// <summary>Whether attention is computed in float32 whatever the dtype (<c>reorder_and_upcast_attn</c>).</summary>
    public bool ReorderAndUpcastAttention { get; init; }

    /// <summary>Whether the output head is the token embedding (<c>tie_word_embeddings</c>).</summary>
    public bool TieWordEmbeddings { get; init; } = true;

    /// <summary>Begins a text (<c>bos_token_id</c>); null where the file has none.</summary>
    public int? BosTokenId { get; init; } = 50256;

    /// <summary>The ids that end a text (<c>eos_token_id</c>, one or a list); empty where the file has none.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [50256];

    /// <summary>Fills short rows (<c>pad_token_id</c>); null where the file has none.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>Width of one head: <see cref="EmbeddingSize"/> / <see cref="HeadCount"/>.</summary>
    public int HeadDim => EmbeddingSize / HeadCount;

    /// <summary>What a score q·k of layer <paramref name="layer"/> (from 0) is multiplied by.</summary>
    public float AttentionScale(int layer)
    {
        var scale = ScaleAttentionWeights ? 1.0 / Math.Sqrt(HeadDim) : 1.0;
        return (float)(ScaleAttentionByInverseLayerIndex ? scale / (layer + 1) : scale);
    }
}
