using System.Runtime.InteropServices;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>Blocks of keys and values: (layers, blocks, <see cref="KvLayout.Bytes"/>). Memory is taken as blocks are first written.</summary>
internal sealed unsafe class KvPool : IDisposable
{
    private readonly NativeBuffer memory;
    private readonly int layers;

    public KvPool(Gpt2Config config, CpuDType dtype, int blockCount)
    {
        Layout = new KvLayout(config.HeadCount, config.HeadDim, dtype == CpuDType.Float32 ? 4 : 2);
        layers = config.LayerCount;
        BlockCount = blockCount;
        memory = new NativeBuffer((long)layers * blockCount * Layout.Bytes);
    }

    public KvLayout Layout { get; }

    public int BlockCount { get; }

    public int BytesPerBlock => layers * Layout.Bytes;

    /// <summary>A layer's blocks.</summary>
    public byte* Layer(int layer) => memory.Pointer + ((long)layer * BlockCount * Layout.Bytes);

    public void Copy(int source, int destination)
    {
        for (var layer = 0; layer < layers; layer++)
        {
            Block(layer, source).CopyTo(Block(layer, destination));
        }
    }

    public void Read(int block, Span<byte> destination)
    {
        for (var layer = 0; layer < layers; layer++)
        {
            Block(layer, block).CopyTo(destination[(layer * Layout.Bytes)..]);
        }
    }

    public void Write(int block, ReadOnlySpan<byte> source)
    {
        for (var layer = 0; layer < layers; layer++)
        {
            source.Slice(layer * Layout.Bytes, Layout.Bytes).CopyTo(Block(layer, block));
        }
    }

    /// <summary>One layer's keys and values of a sequence's first tokens, each (heads, tokens, head_dim), as float32.</summary>
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
                    keys[to + i] = Element(block, (((head * headDim) + i) * KvLayout.BlockSize) + slot);
                    values[to + i] = Element(block[Layout.ValuesAt..], (((head * KvLayout.BlockSize) + slot) * Layout.ValueStride) + i);
                }
            }
        }
    }

    public void Dispose() => memory.Dispose();

    // A bfloat16 is the upper half of a float32.
    private float Element(ReadOnlySpan<byte> bytes, int index) => Layout.ElementBytes == sizeof(float)
        ? MemoryMarshal.Read<float>(bytes[(index * sizeof(float))..])
        : BitConverter.UInt32BitsToSingle((uint)MemoryMarshal.Read<ushort>(bytes[(index * sizeof(ushort))..]) << 16);

    private Span<byte> Block(int layer, int block) => new(Layer(layer) + ((long)block * Layout.Bytes), Layout.Bytes);
}
