using static TorchSharp.torch;

namespace TorchKv.Caching;

/// <summary>Preallocated: a step writes its own tokens in place and copies nothing else.</summary>
public sealed class StaticKvCache : KvCache
{
    /// <summary>An empty cache; its buffers are made with the first tokens.</summary>
    /// <param name="capacity">The most tokens.</param>
    /// <param name="initial_capacity">
    /// Slots to begin with, doubled when they are full up to <paramref name="capacity"/>; null: all at once.
    /// </param>
    public StaticKvCache(long capacity, long? initial_capacity = null)
        : base(nameof(StaticKvCache), capacity)
    {
        if (initial_capacity is { } initial)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(initial);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(initial, capacity);
        }

        this.initial_capacity = initial_capacity ?? capacity;
    }

    /// <summary>Empties the cache; its buffers stay for the next tokens.</summary>
    public override void reset()
    {
        length = 0;
    }

    private protected override (Tensor keys, Tensor values) append(Tensor keys_new, Tensor values_new)
    {
        var (past, total) = (length, length + keys_new.size(2));
        if (past == 0 && !fits_buffer(keys_new))
        {
            base.reset();
            cache_k = Slots.like(keys_new, slots_for(total, initial_capacity));
            cache_v = Slots.like(values_new, slots_for(total, initial_capacity));
        }
        else if (total > cache_k!.size(2))
        {
            var slots = slots_for(total, cache_k.size(2));
            (cache_k, cache_v) = (Slots.resized(cache_k, 0, past, slots), Slots.resized(cache_v!, 0, past, slots));
        }

        Slots.write(cache_k!, past, keys_new);
        Slots.write(cache_v!, past, values_new);
        return (cache_k!.narrow(2, 0, total), cache_v!.narrow(2, 0, total));
    }

    private protected override void drop_last(long tokens)
    {
        // Nothing to do: slots past the length are never read
    }

    private protected override void take_rows(Tensor index)
    {
        (cache_k, cache_v) = (Slots.rows(cache_k!, 0, length, index), Slots.rows(cache_v!, 0, length, index));
    }

    private bool fits_buffer(Tensor keys) =>
        cache_k is { } buffer
        && buffer.size(0) == keys.size(0) && buffer.size(1) == keys.size(1) && buffer.size(3) == keys.size(3)

            && buffer.dtype == keys.dtype
            && buffer.device_type == keys.device_type
            && buffer.device_index == keys.device_index;

    private long slots_for(long tokens, long slots)
    {
        while (slots < tokens)
        {
            slots *= 2;
        }

        return Math.Min(slots, capacity);
    }

    private readonly long initial_capacity;
}
