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

    public void Dispose() => memory.Dispose();

    private Span<byte> Block(int layer, int block) => new(Layer(layer) + ((long)block * Layout.Bytes), Layout.Bytes);
}
