using static TorchSharp.torch;

namespace TorchKv.Caching;

/// <summary>
/// Keeps keys and values as int8 with one scale for each head and token, and the last tokens in full precision: a
/// quarter of float32's bytes, for a dequantisation of what is held in every step.
/// </summary>
/// <remarks>
/// scale = max|x| / 127 over a head's elements of one token, so that no element is off by more than scale / 2. New
/// tokens are attended to in full precision, whatever their number, and quantised afterwards.
/// </remarks>
public sealed class QuantizedKvCache : KvCache
{
    /// <summary>An empty cache.</summary>
    /// <param name="capacity">The most tokens.</param>
    /// <param name="residual_length">The last so many tokens, at least, stay in full precision.</param>
    public QuantizedKvCache(long capacity = long.MaxValue, long residual_length = 32)
        : base(nameof(QuantizedKvCache), capacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(residual_length);
        this.residual_length = residual_length;
    }

    /// <summary>Scales of the quantised keys, (batch, heads, slots, 1).</summary>
    public Tensor? scale_k
    {
        get => get_buffer(nameof(scale_k));
        private set => set_buffer(nameof(scale_k), value);
    }

    /// <summary>Scales of the quantised values, (batch, heads, slots, 1).</summary>
    public Tensor? scale_v
    {
        get => get_buffer(nameof(scale_v));
        private set => set_buffer(nameof(scale_v), value);
    }

    /// <summary>The last tokens' keys in full precision, (batch, heads, tokens, head_dim).</summary>
    public Tensor? tail_k
    {
        get => get_buffer(nameof(tail_k));
        private set => set_buffer(nameof(tail_k), value);
    }

    /// <summary>The last tokens' values in full precision, (batch, heads, tokens, head_dim).</summary>
    public Tensor? tail_v
    {
        get => get_buffer(nameof(tail_v));
        private set => set_buffer(nameof(tail_v), value);
    }

    /// <summary>Tokens that are held as int8: the first so many.</summary>
    public long quantized { get; private set; }

    /// <inheritdoc/>
    public override void reset()
    {
        base.reset();
        quantized = 0;
    }

    private protected override Tensor? stored_like => tail_k;

    private protected override (Tensor keys, Tensor values) append(Tensor keys_new, Tensor values_new)
    {
        var keys = join(cache_k, scale_k, tail_k, keys_new);
        var values = join(cache_v, scale_v, tail_v, values_new);

        var total = length + keys_new.size(2);
        var tail = total - quantized;
        var to_quantize = tail >= residual_length + group ? (tail - residual_length) / group * group : 0;
        if (to_quantize > 0)
        {
            make_room(keys_new, quantized + to_quantize);
            quantize(keys.narrow(2, quantized, to_quantize), cache_k!, scale_k!);
            quantize(values.narrow(2, quantized, to_quantize), cache_v!, scale_v!);
            quantized += to_quantize;
        }

        tail_k = keys.narrow(2, quantized, total - quantized).clone();
        tail_v = values.narrow(2, quantized, total - quantized).clone();
        return (keys, values);
    }

    private protected override void drop_last(long tokens)
    {
        quantized = Math.Min(quantized, length - tokens);
        tail_k = tail_k!.narrow(2, 0, length - tokens - quantized).clone();
        tail_v = tail_v!.narrow(2, 0, length - tokens - quantized).clone();
    }

    private protected override void take_rows(Tensor index)
    {
        // The tail holds tokens too: rows that moved in the store alone would be half one sequence and half another
        var (new_tail_k, new_tail_v) = (Slots.select(tail_k!, index), Slots.select(tail_v!, index));
        if (quantized > 0)
        {
            cache_k = Slots.rows(cache_k!, 0, quantized, index);
            cache_v = Slots.rows(cache_v!, 0, quantized, index);
            scale_k = Slots.rows(scale_k!, 0, quantized, index);
            scale_v = Slots.rows(scale_v!, 0, quantized, index);
        }

        tail_k = new_tail_k;
        tail_v = new_tail_v;
    }

    // (batch, heads, tokens, head_dim): what is quantised, dequantised, then the tail, then the new tokens
    private Tensor join(Tensor? store, Tensor? scale, Tensor? tail, Tensor t_new)
    {
        if (length == 0)
        {
            return t_new.alias();
        }

        if (quantized == 0)
        {
            return cat([tail!, t_new], dim: 2);
        }

        using var ints = store!.narrow(2, 0, quantized);
        using var scales = scale!.narrow(2, 0, quantized);
        using var dequantized = ints.to(t_new.dtype).mul_(scales);
        return cat([dequantized, tail!, t_new], dim: 2);
    }

    private void quantize(Tensor t, Tensor store, Tensor scale)
    {
        using var scope = NewDisposeScope();
        var largest = maximum(t.amax([-1], keepdim: true), t.amin([-1], keepdim: true).neg());
        var scales = largest.div_(127).clamp_min_(smallest_scale(t.dtype));
        Slots.write(store, quantized, t.div(scales).round_().clamp_(-127, 127).to(int8));
        Slots.write(scale, quantized, scales);
    }

    private void make_room(Tensor keys, long tokens)
    {
        var slots = cache_k?.size(2) ?? 0;
        if (slots >= tokens)
        {
            return;
        }

        slots = Math.Min(Math.Max(tokens, Math.Max(2 * slots, FirstSlots)), Math.Max(tokens, capacity));
        cache_k = grown(cache_k, keys, slots, int8, keys.size(3));
        cache_v = grown(cache_v, keys, slots, int8, keys.size(3));
        scale_k = grown(scale_k, keys, slots, keys.dtype, 1);
        scale_v = grown(scale_v, keys, slots, keys.dtype, 1);
    }

    private Tensor grown(Tensor? buffer, Tensor keys, long slots, ScalarType dtype, long width) =>
        buffer is null
            ? Slots.like(keys, slots, dtype: dtype, width: width)
            : Slots.resized(buffer, 0, quantized, slots);

    // A head whose keys are all 0 has no scale; the smallest normal float16 keeps 0 / scale at 0 in every dtype
    private static double smallest_scale(ScalarType dtype) => dtype == float16 ? 6.104e-5 : 1e-30;

    private const long FirstSlots = 64;

    // Tokens that are quantised at a time: a tail that is kept at all is allowed to grow a little, which spares steps
    private long group => Math.Clamp(residual_length, 1, 16);

    private readonly long residual_length;
}
