using BenchmarkDotNet.Attributes;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Benchmarks.Kernels;

/// <summary>Rows × all panels of a matrix: one row is a _matrix-vector product.</summary>
public unsafe class ProductBenchmarks
{
    private readonly KernelSet _kernels = KernelSet.For(KernelSet.Widest);
    private NativeBuffer? _memory;
    private PackedMatrix _matrix = null!;
    private float* _x;
    private float* _tile;
    private QuantizedRows _quantized;

    /// <summary>Inputs × outputs: attention projection, feed-forward, and down.</summary>
    [Params("768x768", "768x3072", "3072x768")]
    public string Shape { get; set; } = "";

    /// <summary>Rows.</summary>
    [Params(1, 16, 96)]
    public int Rows { get; set; }

    /// <summary>How weights are kept.</summary>
    [Params(CpuDType.Float32, CpuDType.BFloat16, CpuDType.Int8, CpuDType.Int4)]
    public CpuDType DType { get; set; }

    /// <summary>Packs random weights.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var sizes = Shape.Split('x').Select(int.Parse).ToArray();
        var (inputs, outputs) = (sizes[0], sizes[1]);
        _matrix = new PackedMatrix(DType.WeightFormat(), inputs, 1, outputs);
        var rows = Tiles.PaddedRows(Rows);
        var floats = (inputs * 32L) + (rows * (long)inputs) + (rows * 32L) + (2L * rows * _matrix.Groups);
        _memory = new NativeBuffer(_matrix.Bytes + 4096 + (floats * 4) + (rows * (long)_matrix.Groups * _matrix.Group));
        _matrix.Place(_memory.Pointer, null);
        var source = (float*)(_memory.Pointer + ((_matrix.Bytes + 4095) & ~4095L));
        _x = source + (inputs * 32);
        _tile = _x + (rows * inputs);
        var scales = _tile + (rows * 32);
        _quantized = new QuantizedRows(
            (sbyte*)(scales + (2 * rows * _matrix.Groups)),
            scales,
            (int*)(scales + (rows * _matrix.Groups)),
            _matrix.Groups * _matrix.Group,
            _matrix.Groups);
        var random = new Random(1);
        for (var panel = 0; panel < _matrix.Panels; panel++)
        {
            RandomNumbers.Fill(source, inputs * 32, random);
            WeightPacking.Pack(_matrix, panel, 0, inputs, source, 32, 32);
        }

        RandomNumbers.Fill(_x, Rows * inputs, random);
        for (var row = 0; row < Rows && _matrix.Quantized; row++)
        {
            _kernels.Quantize(_quantized, _x + (row * inputs), row, _matrix.Group, _matrix.Offset);
        }
    }

    /// <summary>The product.</summary>
    [Benchmark]
    public void Product()
    {
        for (var panel = 0; panel < _matrix.Panels; panel++)
        {
            _kernels.Multiply(_matrix, panel, _x, _matrix.Inputs, _quantized, 0, Rows, _tile);
        }
    }

    /// <summary>Frees the _memory.</summary>
    [GlobalCleanup]
    public void Cleanup() => _memory?.Dispose();
}
