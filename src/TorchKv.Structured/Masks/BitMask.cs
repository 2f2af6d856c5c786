using System.Numerics;
using System.Runtime.InteropServices;

namespace TorchKv.Structured.Masks;

/// <summary>Operations on masks: bit id % 64 of word id / 64.</summary>
internal static class BitMask
{
    public static void Set(Span<ulong> mask, int id) => mask[id >> 6] |= 1UL << (id & 63);

    public static bool Contains(ReadOnlySpan<ulong> mask, int id) => (mask[id >> 6] >> (id & 63) & 1) != 0;

    public static void SetAll(Span<ulong> mask, ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
        {
            mask[id >> 6] |= 1UL << (id & 63);
        }
    }

    /// <summary>Adds one mask to another.</summary>
    public static void Or(Span<ulong> mask, ReadOnlySpan<ulong> added)
    {
        var vectors = MemoryMarshal.Cast<ulong, Vector<ulong>>(mask);
        var addedVectors = MemoryMarshal.Cast<ulong, Vector<ulong>>(added);
        for (var i = 0; i < addedVectors.Length; i++)
        {
            vectors[i] |= addedVectors[i];
        }

        for (var i = addedVectors.Length * Vector<ulong>.Count; i < added.Length; i++)
        {
            mask[i] |= added[i];
        }
    }
}
