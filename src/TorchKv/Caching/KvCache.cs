using TorchKv.Runtime.Contracts;
using static TorchSharp.torch;

namespace TorchKv.Caching;

/// <summary>
/// One attention layer's keys and values, as a module with registered buffers <c>cache_k</c> and <c>cache_v</c>:
/// <c>model.to(device)</c> and <c>model.to(dtype)</c> take it along, <c>state_dict()</c> leaves it out.
/// </summary>
/// <remarks>
/// What a call cannot do it refuses before anything changes. Tensors that <see cref="update"/> gives back belong to
/// the cache and hold until the next call. Not thread-safe.
/// </remarks>
public abstract class KvCache : nn.Module
{
    /// <summary>An empty cache.</summary>
    /// <param name="name">The class's name.</param>
    /// <param name="capacity">The most tokens that it can take in.</param>
    protected KvCache(string name, long capacity)
        : base(name)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        this.capacity = capacity;
    }

    /// <summary>Makes an empty cache of a kind.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="capacity">The most tokens of a sequence, where the kind has a limit.</param>
    /// <param name="window">
    /// Tokens that a <see cref="KvCacheKind.SlidingWindow"/> keeps, at most <paramref name="capacity"/>; null:
    /// <paramref name="capacity"/>.
    /// </param>
    public static KvCache create(KvCacheKind kind, long capacity, long? window = null) => kind switch
    {
        KvCacheKind.Concat => new ConcatKvCache(),
        KvCacheKind.Static => new StaticKvCache(capacity),
        KvCacheKind.SlidingWindow => new SlidingWindowKvCache(Math.Min(window ?? capacity, capacity)),
        KvCacheKind.Quantized => new QuantizedKvCache(capacity),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Not a kind of cache."),
    };

    // The registry is the only place that holds a buffer: a field beside it would go stale when one of the two is
    // reassigned, and null, which register_buffer refuses, is a name that is not registered.

    /// <summary>
    /// Keys, (batch, heads, slots, head_dim); null while there is none. A kind may have more slots than it holds
    /// tokens.
    /// </summary>
    public Tensor? cache_k
    {
        get => get_buffer(nameof(cache_k));
        private protected set => set_buffer(nameof(cache_k), value);
    }

    /// <summary>Values, shaped as <see cref="cache_k"/>.</summary>
    public Tensor? cache_v
    {
        get => get_buffer(nameof(cache_v));
        private protected set => set_buffer(nameof(cache_v), value);
    }

    /// <summary>Tokens that the cache stands for: the next token's position.</summary>
    public long length { get; private protected set; }

    /// <summary>Tokens whose keys are still there: the last so many of <see cref="length"/>.</summary>
    public virtual long held => length;

    /// <summary>
    /// The most tokens that it can take in; <see cref="long.MaxValue"/> where the kind sets no limit.
    /// </summary>
    public long capacity { get; }

    /// <summary>How many keys, its own included, a token sees at most; null: all before it.</summary>
    public virtual long? window => null;

    /// <summary>Rows of the batch; 0 while the cache is empty.</summary>
    public long rows => length == 0 ? 0 : stored_like!.size(0);

    /// <summary>Bytes of all buffers.</summary>
    public long bytes =>
        named_buffers(recurse: false).Sum(buffer => buffer.buffer.numel() * buffer.buffer.element_size());

    /// <summary>Takes in the keys and values of new tokens and gives back those to attend to.</summary>
    /// <param name="keys_new">(batch, heads, tokens, head_dim).</param>
    /// <param name="values_new">Shaped as <paramref name="keys_new"/>.</param>
    /// <returns>
    /// Keys and values, (batch, heads, seen, head_dim): the new tokens' last, before them in order those of the
    /// tokens before, as far back as any of the new ones may see.
    /// </returns>
    /// <exception cref="ContextLengthException">
    /// There are more tokens than the cache has room for. Nothing has changed.
    /// </exception>
    /// <exception cref="KvCacheException">
    /// Shapes, dtypes or devices do not agree with each other or with what is held. Nothing has changed.
    /// </exception>
    public (Tensor keys, Tensor values) update(Tensor keys_new, Tensor values_new)
    {
        check_like_held(keys_new, values_new);
        check_fits(keys_new.size(0), keys_new.size(2));
        var to_attend = append(keys_new, values_new);
        length += keys_new.size(2);
        return to_attend;
    }

    /// <summary>Forgets the tokens at <paramref name="new_length"/> and after.</summary>
    /// <param name="new_length">From 0 to <see cref="length"/>.</param>
    /// <exception cref="NotSupportedException">
    /// What the next token would have to see is no longer there. Nothing has changed.
    /// </exception>
    public void crop(long new_length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(new_length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(new_length, length);
        if (new_length == 0)
        {
            reset();
        }
        else if (new_length < length)
        {
            drop_last(length - new_length);
            length = new_length;
        }
    }

    /// <summary>Row i becomes what row <paramref name="beam_idx"/>[i] was.</summary>
    /// <param name="beam_idx">(rows), int64, on the cache's device.</param>
    public void reorder(Tensor beam_idx)
    {
        if (length > 0 && beam_idx.numel() != rows)
        {
            throw new KvCacheException(
                $"A reorder of {rows} rows names {beam_idx.numel()}; select takes more or fewer.");
        }

        select(beam_idx);
    }

    /// <summary>
    /// Keeps the rows that <paramref name="index"/> names, in its order; one may come more than once.
    /// </summary>
    /// <param name="index">One dimension, one element at least, int64, on the cache's device.</param>
    public void select(Tensor index)
    {
        if (index.dim() != 1 || index.dtype != int64 || index.numel() == 0)
        {
            throw new KvCacheException(
                $"Rows are named by one dimension of int64, one at least; this is {index.dtype} of "
                + $"({string.Join(", ", index.shape)}).");
        }

        if (length > 0)
        {
            take_rows(index);
        }
    }

    /// <summary>Each row becomes <paramref name="times"/> rows side by side.</summary>
    public void repeat(long times)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(times);
        if (length > 0)
        {
            using var scope = NewDisposeScope();
            select(
                arange(rows, dtype: int64, device: stored_like!.device).unsqueeze(1).expand(rows, times).reshape(-1));
        }
    }

    /// <summary>Empties the cache.</summary>
    public virtual void reset()
    {
        foreach (var (name, _) in named_buffers(recurse: false).ToList())
        {
            set_buffer(name, null);
        }

        length = 0;
    }

    /// <summary>Throws what <see cref="update"/> would for so many rows and tokens; changes nothing.</summary>
    public void check_fits(long batch, long tokens)
    {
        if (tokens > capacity - length)
        {
            throw new ContextLengthException(length, tokens, capacity);
        }

        if (length > 0 && rows != batch)
        {
            throw new KvCacheException(
                $"The cache holds {rows} rows and is given {batch}; reset it, or select rows, first.");
        }
    }

    /// <summary>Throws where <paramref name="index"/> names a row that is not there; changes nothing.</summary>
    public void check_rows(params ReadOnlySpan<long> index)
    {
        foreach (var row in index)
        {
            if (row < 0 || (length > 0 && row >= rows))
            {
                throw new KvCacheException($"Row {row} is not one of the cache's {rows}.");
            }
        }
    }

    /// <summary>
    /// Buffers are not part of <c>state_dict()</c> (PyTorch's <c>persistent=False</c>), but <c>to()</c> moves them.
    /// </summary>
    /// <inheritdoc/>
    // TorchSharp does not move a buffer that is registered as non-persistent, so they are registered as persistent
    // and left out here, where state_dict asks for the persistent ones.
    public override IEnumerable<(string name, Tensor buffer)> named_buffers(
        bool recurse = true, bool include_nonpersistent = true) =>
        include_nonpersistent ? base.named_buffers(recurse, include_nonpersistent) : [];

    /// <summary>
    /// Stores the new tokens and gives back what they attend to; <see cref="length"/> is still what it was.
    /// </summary>
    private protected abstract (Tensor keys, Tensor values) append(Tensor keys_new, Tensor values_new);

    /// <summary>
    /// Forgets the last <paramref name="tokens"/> tokens, fewer than there are, or throws and changes nothing.
    /// </summary>
    private protected abstract void drop_last(long tokens);

    /// <summary>
    /// Replaces each buffer by its rows <paramref name="index"/>; a row that is not there throws before the first is
    /// replaced.
    /// </summary>
    private protected abstract void take_rows(Tensor index);

    /// <summary>The tensor whose dtype and device new keys must have.</summary>
    private protected virtual Tensor? stored_like => cache_k;

    /// <summary>Registers a buffer under a name, or removes the name, and disposes the buffer that was there.</summary>
    private protected void set_buffer(string name, Tensor? value)
    {
        var before = get_buffer(name);
        ConditionallyRegisterBuffer(name, value?.DetachFromDisposeScope());
        if (!ReferenceEquals(before, value))
        {
            before?.Dispose();
        }
    }

    private void check_like_held(Tensor keys_new, Tensor values_new)
    {
        if (keys_new.dim() != 4
            || keys_new.size(2) == 0
            || !keys_new.shape.AsSpan().SequenceEqual(values_new.shape)
            || keys_new.dtype != values_new.dtype)
        {
            throw new KvCacheException(
                "Keys and values come as (batch, heads, tokens, head_dim), alike, with one token at least; these are "
                + $"{keys_new.dtype} ({string.Join(", ", keys_new.shape)}) and {values_new.dtype} "
                + $"({string.Join(", ", values_new.shape)}).");
        }

        if (length == 0 || stored_like is not { } stored)
        {
            return;
        }

        if (keys_new.dtype != stored.dtype
            || keys_new.device_type != stored.device_type
            || keys_new.device_index != stored.device_index)
        {
            throw new KvCacheException(
                $"The cache holds {stored.dtype} on {stored.device} and is given {keys_new.dtype} "
                + $"on {keys_new.device}.");
        }

        if (keys_new.size(1) != stored.size(1) || keys_new.size(3) != stored.size(3))
        {
            throw new KvCacheException(
                $"The cache holds {stored.size(1)} heads of {stored.size(3)} and is given {keys_new.size(1)} of "
                + $"{keys_new.size(3)}.");
        }
    }
}
