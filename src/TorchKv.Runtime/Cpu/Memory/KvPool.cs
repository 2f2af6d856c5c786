using System.Runtime.InteropServices;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Memory;

/// <summary>
/// The blocks of keys and values: (layers, blocks, <see cref="KvLayout.Bytes"/>). A block takes memory when it is first
/// written.
/// </summary>
internal sealed unsafe class KvPool : IDisposable
{
    private readonly NativeBuffer _memory;
    private readonly int _layers;

    /// <param name="config">The model.</param>
    /// <param name="elementBytes">4: keys and values are float32; 2: bfloat16.</param>
    /// <param name="blockCount">Blocks in the pool.</param>
    public KvPool(Gpt2Config config, int elementBytes, int blockCount)
    {
        Layout = new KvLayout(config.HeadCount, config.HeadDim, elementBytes);
        _layers = config.LayerCount;
        BlockCount = blockCount;
        _memory = new NativeBuffer((long)_layers * blockCount * Layout.Bytes);
    }

    /// <summary>The layout of one layer's part of a block.</summary>
    public KvLayout Layout { get; }

    /// <summary>Blocks in the pool.</summary>
    public int BlockCount { get; }

    /// <summary>Bytes of a block: the keys and values of all layers.</summary>
    public int BytesPerBlock => _layers * Layout.Bytes;

    /// <summary>The first block of a layer.</summary>
    public byte* Layer(int layer) => _memory.Pointer + ((long)layer * BlockCount * Layout.Bytes);

    /// <summary>Copies all layers of a block to another block.</summary>
    public void Copy(int source, int destination)
    {
        for (var layer = 0; layer < _layers; layer++)
        {
            Block(layer, source).CopyTo(Block(layer, destination));
        }
    }

    /// <summary>Reads a block, layer after layer: <see cref="BytesPerBlock"/> bytes.</summary>
    public void Read(int block, Span<byte> destination)
    {
        for (var layer = 0; layer < _layers; layer++)
        {
            Block(layer, block).CopyTo(destination[(layer * Layout.Bytes)..]);
        }
    }

    /// <summary>Writes a block that <see cref="Read"/> read.</summary>
    public void Write(int block, ReadOnlySpan<byte> source)
    {
        for (var layer = 0; layer < _layers; layer++)
        {
            source.Slice(layer * Layout.Bytes, Layout.Bytes).CopyTo(Block(layer, block));
        }
    }

    /// <summary>
    /// Copies one layer's keys and values of a sequence's first tokens as float32, each (heads, tokens, head_dim).
    /// </summary>
    public void Export(int layer, ReadOnlySpan<int> blockTable, int tokens, Span<float> keys, Span<float> values)
    {
        var headDim = Layout.HeadDim;
        var heads = Layout.ValuesAt / (Layout.ElementBytes * KvLayout.BlockSize * headDim);
        for (var token = 0; token < tokens; token++)
        {
            var slot = token % KvLayout.BlockSize;
            var block = Block(layer, blockTable[token / KvLayout.BlockSize]);
            for (var head = 0; head < heads; head++)
            {
                var to = ((head * tokens) + token) * headDim;
                for (var i = 0; i < headDim; i++)
                {
                    var key = (((head * headDim) + i) * KvLayout.BlockSize) + slot;
                    var value = (((head * KvLayout.BlockSize) + slot) * Layout.ValueStride) + i;
                    keys[to + i] = Element(block, key);
                    values[to + i] = Element(block[Layout.ValuesAt..], value);
                }
            }
        }
    }

    public void Dispose() => _memory.Dispose();

    private float Element(ReadOnlySpan<byte> bytes, int index) => Layout.IsFloat32
        ? MemoryMarshal.Read<float>(bytes[(index * sizeof(float))..])
        : BFloat16.Widen(MemoryMarshal.Read<ushort>(bytes[(index * sizeof(ushort))..]));

    private Span<byte> Block(int layer, int block) => new(Layer(layer) + ((long)block * Layout.Bytes), Layout.Bytes);
}
