namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// Where keys and values of one layer lie in a block of 16 tokens. Keys (heads · head_dim, 16): sixteen keys of one dimension are a
/// vector of scores. Values (heads, 16, head_dim rounded up to 16): a key's value is a run of vectors.
/// </summary>
internal readonly struct KvLayout
{
    /// <summary>Tokens in a block.</summary>
    public const int BlockSize = 16;

    public KvLayout(int heads, int headDim, int elementBytes)
    {
        HeadDim = headDim;
        ValueStride = (headDim + 15) / 16 * 16;
        ElementBytes = elementBytes;
        ValuesAt = heads * headDim * BlockSize * elementBytes;
        Bytes = ValuesAt + (heads * BlockSize * ValueStride * elementBytes);
    }

    /// <summary>Width of a head.</summary>
    public int HeadDim { get; }

    /// <summary>Elements from a key's value to the next key's.</summary>
    public int ValueStride { get; }

    /// <summary>Bytes of an element.</summary>
    public int ElementBytes { get; }

    /// <summary>Bytes from the block's start to its values.</summary>
    public int ValuesAt { get; }

    /// <summary>Bytes of one layer's part of a block.</summary>
    public int Bytes { get; }
}
