using TorchKv.Caching;
using TorchKv.Runtime.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Models;

// What generation does with the caches of all layers at once: choose, rewind, reorder for beams, drop rows that have
// ended.
public sealed partial class GPTModel
{
    /// <summary>The first layer's cache: all layers have the same kind and the same state.</summary>
    public KvCache kv_cache => trf_blocks[0].att.kv_cache;

    /// <summary>Bytes of all layers' caches.</summary>
    public long kv_bytes => trf_blocks.Sum(blk => blk.att.kv_cache.bytes);

    /// <summary>Replaces every layer's cache by a new, empty one.</summary>
    /// <param name="make">Makes one layer's cache, for example <c>() => new StaticKvCache(1024)</c>.</param>
    public void set_kv_cache(Func<KvCache> make)
    {
        var device = tok_emb.weight!.device;
        foreach (var blk in trf_blocks)
        {
            // A module remembers where it was last moved, and a later move to that place would pass over this one
            blk.att.set_kv_cache(make().to(device));
        }

        current_pos = 0;
    }

    /// <summary>Replaces every layer's cache by a new, empty one of a kind, sized for the context.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="kv_window_size">
    /// Tokens that a <see cref="KvCacheKind.SlidingWindow"/> keeps; null: the configuration's, or the whole context.
    /// </param>
    public void set_kv_cache(KvCacheKind kind, long? kv_window_size = null) =>
        set_kv_cache(() => KvCache.create(kind, cfg.context_length, kv_window_size ?? cfg.kv_window_size));

    /// <summary>
    /// Forgets the tokens at <paramref name="length"/> and after, so that the next token stands there.
    /// </summary>
    /// <exception cref="NotSupportedException">
    /// The cache no longer has what it would need. Nothing has changed.
    /// </exception>
    public void crop_kv_cache(long length)
    {
        foreach (var blk in trf_blocks)
        {
            blk.att.kv_cache.crop(length);
        }

        current_pos = length;
    }

    /// <summary>Row i becomes what row <paramref name="rows"/>[i] was; as many rows as before (beam search).</summary>
    public void reorder_kv_cache(params long[] rows) => each_cache(rows, (cache, index) => cache.reorder(index));

    /// <summary>Keeps the rows <paramref name="rows"/>, in that order; one may come more than once.</summary>
    public void select_kv_cache_rows(params long[] rows) => each_cache(rows, (cache, index) => cache.select(index));

    /// <summary>
    /// Each row becomes <paramref name="times"/> rows side by side (several beams or samples of one prompt).
    /// </summary>
    public void repeat_kv_cache_rows(long times)
    {
        foreach (var blk in trf_blocks)
        {
            blk.att.kv_cache.repeat(times);
        }
    }

    private void each_cache(long[] rows, Action<KvCache, Tensor> apply)
    {
        kv_cache.check_rows(rows);
        using var index = tensor(rows, dtype: ScalarType.Int64, device: tok_emb.weight!.device);
        foreach (var blk in trf_blocks)
        {
            apply(blk.att.kv_cache, index);
        }
    }

    private long? window => kv_cache.window;

    // (b, seq_len): a row's tokens are counted from its first that is not padding; HuggingFace's cumsum(mask) - 1, not
    // below 0
    private static Tensor? position_ids_from(Tensor? attention_mask, long seq_len) => attention_mask is null
        ? null
        : attention_mask.to(ScalarType.Int64).cumsum(-1).sub_(1).clamp_min_(0).narrow(
            1, attention_mask.size(1) - seq_len, seq_len);

    private long check_input(
        Tensor in_idx, bool use_cache, Tensor? attention_mask, Tensor? position_ids, long logits_to_keep)
    {
        if (in_idx.dim() != 2 || in_idx.size(0) == 0 || in_idx.size(1) == 0)
        {
            throw new TorchKvException(
                "Token ids come as (batch, tokens) with one of each at least; these are "
                + $"({string.Join(", ", in_idx.shape)}).");
        }

        var (b, seq_len) = (in_idx.size(0), in_idx.size(1));
        var past = use_cache ? current_pos : 0;
        if (past + seq_len > cfg.context_length)
        {
            throw new ContextLengthException(past, seq_len, cfg.context_length);
        }

        if (use_cache)
        {
            kv_cache.check_fits(b, seq_len);
        }

        if (attention_mask is not null
            && (attention_mask.dim() != 2 || attention_mask.size(0) != b || attention_mask.size(1) != past + seq_len))
        {
            throw new TorchKvException(
                $"An attention mask covers the cached tokens and the new ones, ({b}, {past + seq_len}); this one is "
                + $"({string.Join(", ", attention_mask.shape)}).");
        }

        if (position_ids is not null && position_ids.size(-1) != seq_len)
        {
            throw new TorchKvException(
                $"There are {seq_len} tokens a row, but position ids of shape "
                + $"({string.Join(", ", position_ids.shape)}).");
        }

        ArgumentOutOfRangeException.ThrowIfNegative(logits_to_keep);
        return seq_len;
    }
}
