using static TorchSharp.torch;

namespace TorchKv.Caching;

/// <summary>Grows by <c>torch.cat</c>: as big as its tokens, and copied whole for every step.</summary>
public sealed class ConcatKvCache : KvCache
{
    /// <summary>An empty cache without a limit of its own.</summary>
    public ConcatKvCache()
        : base(nameof(ConcatKvCache), long.MaxValue)
    {
    }

    private protected override (Tensor keys, Tensor values) append(Tensor keys_new, Tensor values_new)
    {
        if (length == 0)
        {
            (cache_k, cache_v) = (keys_new.alias(), values_new.alias());
        }
        else
        {
            (cache_k, cache_v) = (cat([cache_k!, keys_new], dim: 2), cat([cache_v!, values_new], dim: 2));
        }

        return (cache_k!, cache_v!);
    }

    private protected override void drop_last(long tokens)
    {
        // Copied, so that what is forgotten is also freed
        cache_k = cache_k!.narrow(2, 0, length - tokens).clone();
        cache_v = cache_v!.narrow(2, 0, length - tokens).clone();
    }

    private protected override void take_rows(Tensor index)
    {
        (cache_k, cache_v) = (Slots.select(cache_k!, index), Slots.select(cache_v!, index));
    }
}
