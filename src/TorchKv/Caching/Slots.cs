using static TorchSharp.torch;

namespace TorchKv.Caching;

/// <summary>Preallocated room for tokens along dimension 2 of (batch, heads, slots, head_dim).</summary>
internal static class Slots
{
    /// <summary>
    /// Room for <paramref name="slots"/> tokens, not initialised: nothing reads a slot before it is written.
    /// </summary>
    public static Tensor like(Tensor t, long slots, long? rows = null, ScalarType? dtype = null, long? width = null)
    {
        // A tensor born in inference mode could never again be written outside of it
        using var normal = inference_mode(false);
        return empty(
            [rows ?? t.size(0), t.size(1), slots, width ?? t.size(3)], dtype: dtype ?? t.dtype, device: t.device);
    }

    /// <summary>Writes <paramref name="t"/> at slot <paramref name="at"/> and after.</summary>
    public static void write(Tensor buffer, long at, Tensor t)
    {
        using var slots = buffer.narrow(2, at, t.size(2));
        slots.copy_(t);
    }

    /// <summary>
    /// A copy with another number of slots, whose first <paramref name="count"/> are those from <paramref
    /// name="first"/>.
    /// </summary>
    public static Tensor resized(Tensor buffer, long first, long count, long slots)
    {
        var bigger = like(buffer, slots);
        using var kept = buffer.narrow(2, first, count);
        write(bigger, 0, kept);
        return bigger;
    }

    /// <summary>
    /// A copy of the rows <paramref name="index"/>, with as many slots, of which only <paramref name="count"/> from
    /// <paramref name="first"/> hold anything.
    /// </summary>
    public static Tensor rows(Tensor buffer, long first, long count, Tensor index)
    {
        using var held = buffer.narrow(2, first, count);
        using var taken = select(held, index);
        var copy = like(buffer, buffer.size(2), rows: index.numel());
        write(copy, first, taken);
        return copy;
    }

    /// <summary>A copy of what <paramref name="index"/> names along dimension <paramref name="dim"/>, 0 or 1.</summary>
    public static Tensor select(Tensor buffer, Tensor index, long dim = 0)
    {
        if (!buffer.is_meta)
        {
            return buffer.index_select(dim, index);
        }

        // libtorch has index_select for the meta device only in Python
        var named = TensorIndex.Tensor(index);
        return dim == 0 ? buffer[named] : buffer[TensorIndex.Colon, named];
    }
}
