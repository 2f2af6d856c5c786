namespace TorchKv.Runtime.Cpu.Memory;

/// <summary>
/// Where the keys and values of one layer lie in a block of 16 tokens.
/// Keys are (heads · head_dim, 16): the same dimension of sixteen keys is contiguous, so one vector holds the scores of
/// different keys. Values are (heads, 16, head_dim rounded up to 16): one token's value is contiguous whole vectors.
/// </summary>
internal readonly struct KvLayout
{
    /// <summary>Tokens in a block.</summary>
    public const int BlockSize = 16;

    /// <param name="heads">Heads of the layer.</param>
    /// <param name="headDim">Width of a head.</param>
    /// <param name="elementBytes">4: float32; 2: bfloat16.</param>
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

    /// <summary>Elements from one token's value to the next one's: head_dim rounded up to 16.</summary>
    public int ValueStride { get; }

    /// <summary>Bytes of an element: 4 for float32, 2 for bfloat16.</summary>
    public int ElementBytes { get; }

    /// <summary>Whether elements are float32; else they are bfloat16.</summary>
    public bool IsFloat32 => ElementBytes == sizeof(float);

    /// <summary>Bytes from the start of the block, where keys begin, to its values.</summary>
    public int ValuesAt { get; }

    /// <summary>Bytes of one layer's part of a block.</summary>
    public int Bytes { get; }
}
