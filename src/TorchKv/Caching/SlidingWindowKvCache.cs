using static TorchSharp.torch;

namespace TorchKv.Caching;

/// <summary>
/// Keeps the last <c>window</c> tokens, so that each token sees at most so many, itself included. Positions stay
/// absolute: GPT-2 adds its learned positions before the first layer, so keys that are kept cannot be shifted.
/// </summary>
public sealed class SlidingWindowKvCache : KvCache
{
    /// <summary>An empty cache; its buffers are made with the first tokens.</summary>
    /// <param name="window">Tokens that a token sees at most, itself included.</param>
    public SlidingWindowKvCache(long window)
        : base(nameof(SlidingWindowKvCache), long.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(window);
        this.window = window;
    }

    /// <inheritdoc/>
    public override long? window { get; }

    /// <inheritdoc/>
    public override long held => count;

    /// <summary>Empties the cache; its buffers are freed.</summary>
    public override void reset()
    {
        base.reset();
        (first, count) = (0, 0);
    }

    private protected override (Tensor keys, Tensor values) append(Tensor keys_new, Tensor values_new)
    {
        // The first of the new tokens sees window - 1 before it, however many new ones there are: attend over all
        // of them, then keep the last window
        var window = this.window!.Value;
        var tokens = keys_new.size(2);
        var past = Math.Min(count, window - 1);
        var end = first + count;

        if (length == 0)
        {
            (cache_k, cache_v) = (Slots.like(keys_new, window + spare), Slots.like(values_new, window + spare));
        }

        if (end + tokens <= cache_k!.size(2))
        {
            Slots.write(cache_k, end, keys_new);
            Slots.write(cache_v!, end, values_new);
            count = Math.Min(window, count + tokens);
            first = end + tokens - count;
            return (cache_k.narrow(2, end - past, past + tokens), cache_v!.narrow(2, end - past, past + tokens));
        }

        // The buffer is full: the window moves to its front. Once in `spare` tokens, so a token costs 1/spare of a
        // window
        using var past_k = cache_k.narrow(2, end - past, past);
        using var past_v = cache_v!.narrow(2, end - past, past);
        var (keys, values) = (cat([past_k, keys_new], dim: 2), cat([past_v, values_new], dim: 2));
        (first, count) = (0, Math.Min(window, past + tokens));
        using var last_k = keys.narrow(2, past + tokens - count, count);
        using var last_v = values.narrow(2, past + tokens - count, count);
        Slots.write(cache_k, 0, last_k);
        Slots.write(cache_v, 0, last_v);
        return (keys, values);
    }

    private protected override void drop_last(long tokens)
    {
        var left = length - tokens;
        if (count - tokens < Math.Min(left, window!.Value - 1))
        {
            throw new NotSupportedException(
                $"A window of {window} that has taken in {length} tokens cannot go back to {left}: it has forgotten "
                + "keys that the next token would see. Reset it and feed the tokens again.");
        }

        count -= tokens;
    }

    private protected override void take_rows(Tensor index)
    {
        (cache_k, cache_v) = (Slots.rows(cache_k!, first, count, index), Slots.rows(cache_v!, first, count, index));
    }

    private long spare => Math.Clamp(window!.Value, 16, 256);

    // Slot of the oldest token that is held, and how many there are
    private long first, count;
}
