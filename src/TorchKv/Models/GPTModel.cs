using TorchKv.Runtime.Contracts;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchKv.Models;

/// <summary>
/// GPT-2 with a KV cache, in the shape of "Understanding and Coding the KV Cache in LLMs from Scratch" (S. Raschka) and
/// under its names.
/// </summary>
/// <remarks>Not thread-safe: one forward at a time, because the cache and the position are state.</remarks>
public sealed partial class GPTModel : nn.Module<Tensor, bool, Tensor>
{
    /// <summary>
    /// A model with weights drawn from torch's generator in PyTorch's order: the same seed gives the same weights.
    /// </summary>
    /// <param name="cfg">Its shape.</param>
    /// <param name="device">Where the parameters are made.</param>
    /// <param name="dtype">The parameters' dtype.</param>
    public GPTModel(GPTConfig cfg, Device? device = null, ScalarType? dtype = null)
        : base(nameof(GPTModel))
    {
        this.cfg = cfg.validated();
        tok_emb = embedding(cfg.vocab_size, cfg.emb_dim, device, dtype);
        pos_emb = embedding(cfg.context_length, cfg.emb_dim, device, dtype);
        drop_emb = nn.Dropout(cfg.embd_pdrop ?? cfg.drop_rate);

        trf_blocks = nn.ModuleList(
            [.. Enumerable.Range(0, cfg.n_layers).Select(layer => new TransformerBlock(cfg, layer, device, dtype))]);

        current_pos = 0;

        final_norm = new LayerNorm(cfg.emb_dim, cfg.layer_norm_epsilon, device, dtype);
        out_head = new Linear(cfg.emb_dim, cfg.vocab_size, bias: false, device: device, dtype: dtype);
        RegisterComponents();

        if (cfg.tie_word_embeddings)
        {
            tie_weights();
        }
    }

    /// <summary>The model's shape.</summary>
    public readonly GPTConfig cfg;

    /// <summary>Token embeddings (vocab_size, emb_dim) and position embeddings (context_length, emb_dim).</summary>
    public readonly Embedding tok_emb, pos_emb;

    /// <summary>On the embeddings, in training only.</summary>
    public readonly Dropout drop_emb;

    /// <summary>The transformer blocks.</summary>
    public readonly ModuleList<TransformerBlock> trf_blocks;

    /// <summary>After the last block.</summary>
    public readonly LayerNorm final_norm;

    /// <summary>Logits of each token of the vocabulary, (vocab_size, emb_dim), without a bias.</summary>
    public readonly Linear out_head;

    /// <summary>Position of the next token that goes through the cache.</summary>
    public long current_pos { get; private set; }

    /// <inheritdoc/>
    public override Tensor forward(Tensor in_idx, bool use_cache) => forward(in_idx, use_cache, attention_mask: null);

    /// <summary>Logits of the token after each of <paramref name="in_idx"/>.</summary>
    /// <param name="in_idx">(b, num_tokens) token ids, int64.</param>
    /// <param name="use_cache">
    /// Whether the tokens follow those in the cache and are added to it; else they begin at position 0 and the cache is
    /// left alone.
    /// </param>
    /// <param name="attention_mask">
    /// (b, tokens in the cache + num_tokens), zero where a token is padding, as HuggingFace takes it; null: no padding.
    /// </param>
    /// <param name="position_ids">(b, num_tokens) or (num_tokens); null: counted on, padding left out.</param>
    /// <param name="logits_to_keep">Logits for the last so many tokens only; 0: for all.</param>
    /// <returns>(b, num_tokens or logits_to_keep, vocab_size).</returns>
    /// <exception cref="ContextLengthException">
    /// The tokens do not fit the context or the cache. Nothing has changed.
    /// </exception>
    /// <exception cref="TorchKvException">A shape is wrong. Nothing has changed.</exception>
    public Tensor forward(
        Tensor in_idx,
        bool use_cache = false,
        Tensor? attention_mask = null,
        Tensor? position_ids = null,
        long logits_to_keep = 0)
    {
        using var scope = NewDisposeScope();
        var seq_len = check_input(in_idx, use_cache, attention_mask, position_ids, logits_to_keep);
        var tok_embeds = tok_emb.call(in_idx);                              // (b, seq_len, emb_dim)

        // The positions of a step are fixed before its first layer runs
        var past = use_cache ? current_pos : 0;
        var pos_ids = position_ids
            ?? position_ids_from(attention_mask, seq_len)
            ?? arange(past, past + seq_len, dtype: ScalarType.Int64, device: in_idx.device);
        var mask = CausalMask.make(past, seq_len, use_cache ? window : null, attention_mask, in_idx.device);

        var pos_embeds = pos_emb.call(pos_ids);                             // (seq_len, emb_dim)

        var x = tok_embeds + pos_embeds;                                    // (b, seq_len, emb_dim)
        x = drop_emb.call(x);

        foreach (var blk in trf_blocks)
        {
            x = blk.call(x, use_cache, mask);
        }

        if (use_cache)
        {
            current_pos += seq_len;
        }

        if (logits_to_keep > 0 && logits_to_keep < seq_len)
        {
            x = x.narrow(1, seq_len - logits_to_keep, logits_to_keep);
        }

        x = final_norm.call(x);
        var logits = out_head.call(x);                                      // (b, seq_len, vocab_size)
        return logits.MoveToOuterDisposeScope();
    }

    /// <summary>Empties every layer's cache and goes back to position 0.</summary>
    public void reset_kv_cache()
    {
        foreach (var blk in trf_blocks)
        {
            blk.att.reset_cache();
        }

        current_pos = 0;
    }

    // nn.Embedding makes and fills its table on the CPU first. It keeps that memory even when its weight is replaced,
    // which is what happens to every model on the meta device. So there it is made with a table of one number
    private static Embedding embedding(long rows, long width, Device? device, ScalarType? dtype)
    {
        if (device?.type != DeviceType.META)
        {
            return nn.Embedding(rows, width, device: device, dtype: dtype);
        }

        var table = nn.Embedding(1, 1, device: device, dtype: dtype);
        table.weight = nn.Parameter(empty(rows, width, dtype: dtype, device: device));
        return table;
    }
}
