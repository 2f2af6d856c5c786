using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Configuration;

/// <summary>
/// A GPT-2 model's shape and the switches that change what inference computes (HuggingFace <c>GPT2Config</c>).
/// </summary>
/// <remarks>
/// <see cref="Load"/> reads HuggingFace's files and checks them. A configuration made in code is checked with
/// <see cref="Validate"/> before a model is built from it.
/// </remarks>
public sealed record Gpt2Config
{
    private readonly int? _innerSize;

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

    /// <summary>
    /// Width of the feed-forward network's inner layer (<c>n_inner</c>); 4 · n_embd where it is not set or null in the
    /// file.
    /// </summary>
    public int InnerSize
    {
        get => _innerSize ?? 4 * EmbeddingSize;
        init => _innerSize = value;
    }

    /// <summary>The feed-forward activation (<c>activation_function</c>).</summary>
    public Gpt2Activation Activation { get; init; } = Gpt2Activation.GeluNew;

    /// <summary>Added to the variance in every LayerNorm (<c>layer_norm_epsilon</c>).</summary>
    public float LayerNormEpsilon { get; init; } = 1e-5f;

    /// <summary>Whether scores are divided by √head_dim (<c>scale_attn_weights</c>).</summary>
    public bool ScaleAttentionWeights { get; init; } = true;

    /// <summary>
    /// Whether scores of layer i (from 0) are also divided by i + 1 (<c>scale_attn_by_inverse_layer_idx</c>).
    /// </summary>
    public bool ScaleAttentionByInverseLayerIndex { get; init; }

    /// <summary>
    /// Whether attention scores and their softmax are computed in float32 whatever the dtype
    /// (<c>reorder_and_upcast_attn</c>).
    /// </summary>
    public bool ReorderAndUpcastAttention { get; init; }

    /// <summary>Whether the output head is the token embedding (<c>tie_word_embeddings</c>).</summary>
    public bool TieWordEmbeddings { get; init; } = true;

    /// <summary>Training only: dropout after the sum of the embeddings (<c>embd_pdrop</c>).</summary>
    public float EmbeddingDropout { get; init; } = 0.1f;

    /// <summary>Training only: dropout of attention weights (<c>attn_pdrop</c>).</summary>
    public float AttentionDropout { get; init; } = 0.1f;

    /// <summary>
    /// Training only: dropout of the outputs of attention and feed-forward network (<c>resid_pdrop</c>).
    /// </summary>
    public float ResidualDropout { get; init; } = 0.1f;

    /// <summary>Begins a text (<c>bos_token_id</c>); null where the file has none.</summary>
    public int? BosTokenId { get; init; } = 50256;

    /// <summary>The ids that end a text (<c>eos_token_id</c>, one or a list); empty where the file has none.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [50256];

    /// <summary>Fills short rows (<c>pad_token_id</c>); null where the file has none.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>Width of one head: <see cref="EmbeddingSize"/> / <see cref="HeadCount"/>.</summary>
    public int HeadDim => EmbeddingSize / HeadCount;

    /// <summary>The part of this configuration that an engine needs.</summary>
    public ModelShape Shape => new()
    {
        VocabSize = VocabSize,
        ContextLength = ContextLength,
        LayerCount = LayerCount,
        HeadCount = HeadCount,
        HeadDim = HeadDim,
        BosTokenId = BosTokenId,
        EosTokenIds = EosTokenIds,
    };

    /// <summary>The factor of the scores q·k in layer <paramref name="layer"/> (from 0).</summary>
    public float AttentionScale(int layer)
    {
        var scale = ScaleAttentionWeights ? 1.0 / Math.Sqrt(HeadDim) : 1.0;
        return (float)(ScaleAttentionByInverseLayerIndex ? scale / (layer + 1) : scale);
    }

    /// <summary>Number of parameters, a tied head counted once.</summary>
    public long ParameterCount
    {
        get
        {
            // Products of two validated sizes fit a long; ConfigurationLimits bounds the sum.
            long e = EmbeddingSize, inner = InnerSize;
            var block = (4 * e) + (e * 3 * e) + (3 * e) + (e * e) + e + (e * inner) + inner + (inner * e) + e;
            var embeddings = (VocabSize * e) + (ContextLength * e);
            return embeddings + (LayerCount * block) + (2 * e) + (TieWordEmbeddings ? 0 : VocabSize * e);
        }
    }

    /// <summary>
    /// Reads a HuggingFace <c>config.json</c>, or the folder that holds one. The ids that begin, end and pad a text
    /// come from <c>generation_config.json</c> where it is in the same folder, as in HuggingFace's <c>generate</c>.
    /// </summary>
    /// <exception cref="ConfigurationException">
    /// A file is missing, is not JSON, or holds a field that cannot be honoured.
    /// </exception>
    public static Gpt2Config Load(string path) => ConfigurationReader.Load(path);

    /// <summary>Reads the text of a <c>config.json</c>.</summary>
    /// <param name="utf8Json">The file's bytes.</param>
    /// <param name="source">The name of the file in errors.</param>
    /// <exception cref="ConfigurationException">It is not JSON, or holds a field that cannot be honoured.</exception>
    public static Gpt2Config Parse(ReadOnlySpan<byte> utf8Json, string source = "config.json") =>
        ConfigurationReader.Parse(utf8Json, source);

    /// <summary>Checks every field against its limits and the fields against each other.</summary>
    /// <param name="source">The name of the configuration in the error.</param>
    /// <exception cref="ConfigurationException">A field cannot be honoured.</exception>
    public void Validate(string source = "configuration") => ConfigurationLimits.Check(this, source);

    /// <summary>The text of a <c>config.json</c> that HuggingFace reads as this configuration.</summary>
    /// <param name="dtype">The dtype of the weights, by PyTorch's name (<c>float32</c>).</param>
    public byte[] ToJson(string dtype = "float32") => ConfigurationWriter.Config(this, dtype);

    /// <summary>The text of a <c>generation_config.json</c> with the ids that begin, end and pad a text.</summary>
    public byte[] ToGenerationJson() => ConfigurationWriter.GenerationConfig(this);

    /// <summary>
    /// Whether both describe the same model: an inner size of 4 · n_embd equals one that is not set, lists of ids by
    /// content.
    /// </summary>
    public bool Equals(Gpt2Config? other) =>
        other is not null
        && VocabSize == other.VocabSize
        && ContextLength == other.ContextLength
        && EmbeddingSize == other.EmbeddingSize
        && LayerCount == other.LayerCount
        && HeadCount == other.HeadCount
        && InnerSize == other.InnerSize
        && Activation == other.Activation
        && LayerNormEpsilon.Equals(other.LayerNormEpsilon)
        && ScaleAttentionWeights == other.ScaleAttentionWeights
        && ScaleAttentionByInverseLayerIndex == other.ScaleAttentionByInverseLayerIndex
        && ReorderAndUpcastAttention == other.ReorderAndUpcastAttention
        && TieWordEmbeddings == other.TieWordEmbeddings
        && EmbeddingDropout.Equals(other.EmbeddingDropout)
        && AttentionDropout.Equals(other.AttentionDropout)
        && ResidualDropout.Equals(other.ResidualDropout)
        && BosTokenId == other.BosTokenId
        && PadTokenId == other.PadTokenId
        && EosTokenIds.SequenceEqual(other.EosTokenIds);

    /// <inheritdoc/>
    public override int GetHashCode() =>
        HashCode.Combine(VocabSize, ContextLength, EmbeddingSize, LayerCount, HeadCount, InnerSize, Activation);
}
