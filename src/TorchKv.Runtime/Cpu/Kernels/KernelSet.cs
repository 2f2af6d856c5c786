using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using TorchKv.Runtime.Configuration;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>The kernels at one width: the one place where the width is chosen.</summary>
internal abstract unsafe class KernelSet
{
    /// <summary>The widest vectors that this machine has a fused multiply-add for.</summary>
    public static VectorWidth Widest =>
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? VectorWidth.Bits512
        : Fma.IsSupported && Avx2.IsSupported ? VectorWidth.Bits256
        : AdvSimd.IsSupported ? VectorWidth.Bits128
        : VectorWidth.Scalar;

    public static KernelSet For(VectorWidth width) => width switch
    {
        VectorWidth.Bits512 => new KernelSet<Lanes16, Vector512<float>, Dots8, Vector256<int>, Vector256<float>>(),
        VectorWidth.Bits256 => new KernelSet<Lanes8, Vector256<float>, Dots8, Vector256<int>, Vector256<float>>(),
        VectorWidth.Bits128 => new KernelSet<Lanes4, Vector128<float>, Dots4, Vector128<int>, Vector128<float>>(),
        _ => new KernelSet<Lanes1, float, Dots1, int, float>(),
    };

    /// <summary>Rows × one panel, into a tile of (rows, 32); see <see cref="MatMul"/> and <see cref="QuantizedMatMul"/>.</summary>
    /// <param name="matrix">The weights.</param>
    /// <param name="panel">Which 32 outputs.</param>
    /// <param name="x">
    /// All rows in float32, and memory for <see cref="Tiles.PaddedRows"/> of those wanted; read by float32 and bfloat16 weights, by those in 12 bits up to a
    /// multiple of <see cref="CodedPanel.Unit"/> inputs, where it is zero.
    /// </param>
    /// <param name="ldx">Floats from row to row.</param>
    /// <param name="quantized">All rows in int8; read by int8, six-bit and int4 weights.</param>
    /// <param name="firstRow">The first row wanted.</param>
    /// <param name="rows">Rows wanted.</param>
    /// <param name="tile">Room for the rows rounded up to <see cref="Tiles.PaddedRows"/>, × 32.</param>
    public abstract void Multiply(PackedMatrix matrix, int panel, float* x, nint ldx, in QuantizedRows quantized, int firstRow, int rows, float* tile);

    /// <summary>See <see cref="Normalization.LayerNorm"/>.</summary>
    public abstract void LayerNorm(float* x, float* weight, float* bias, float eps, int n, float* y);

    /// <summary>Adds 32 biases to every row of a tile.</summary>
    public abstract void AddBias(float* tile, int rows, float* bias);

    /// <summary>See <see cref="Functions.Activate"/>.</summary>
    public abstract void Activate(Gpt2Activation activation, float* values, int count);

    /// <summary>See <see cref="QuantizedRows.Quantize"/>.</summary>
    public abstract void Quantize(in QuantizedRows rows, float* x, int row, int group, int offset);

    /// <summary>See <see cref="Attention.Head"/>.</summary>
    public abstract void Attend(in KvLayout layout, byte* pool, int* table, int head, float* q, nint ldq, int queries, int position, float scale, bool more, float* scores, nint lds, float* output);
}

/// <summary>The kernels over one kind of vector.</summary>
internal sealed unsafe class KernelSet<L, V, D, I, F> : KernelSet
    where L : IFloatLanes<V>
    where V : struct
    where D : IDotLanes<I, F>
    where I : struct
    where F : struct
{
    public override void Multiply(PackedMatrix matrix, int panel, float* x, nint ldx, in QuantizedRows quantized, int firstRow, int rows, float* tile)
    {
        var weights = matrix.Panel(panel);
        switch (matrix.Format)
        {
            case WeightFormat.Float32:
                MatMul.Panel<L, V, Float32Elements>(x + (firstRow * ldx), ldx, rows, weights, matrix.Inputs, tile);
                break;
            case WeightFormat.BFloat16:
                MatMul.Panel<L, V, BFloat16Elements>(x + (firstRow * ldx), ldx, rows, weights, matrix.Inputs, tile);
                break;
            case WeightFormat.CodedBFloat16:
                CodedMatMul.Panel<L, V>(x + (firstRow * ldx), ldx, rows, weights, matrix.Inputs, tile);
                break;
            case WeightFormat.Int8:
                QuantizedMatMul.Panel<D, I, F, Int8Elements>(quantized, firstRow, rows, weights, tile);
                break;
            case WeightFormat.Int6:
                QuantizedMatMul.Panel<D, I, F, Int6Elements>(quantized, firstRow, rows, weights, tile);
                break;
            default:
                QuantizedMatMul.Panel<D, I, F, Int4Elements>(quantized, firstRow, rows, weights, tile);
                break;
        }
    }

    public override void LayerNorm(float* x, float* weight, float* bias, float eps, int n, float* y) =>
        Normalization.LayerNorm<L, V>(x, weight, bias, eps, n, y);

    public override void AddBias(float* tile, int rows, float* bias) => MatMul.AddBias<L, V>(tile, rows, bias);

    public override void Activate(Gpt2Activation activation, float* values, int count) =>
        Functions.Activate<L, V>(activation, values, count);

    public override void Quantize(in QuantizedRows rows, float* x, int row, int group, int offset) =>
        rows.Quantize<L, V>(x, row, group, offset);

    public override void Attend(in KvLayout layout, byte* pool, int* table, int head, float* q, nint ldq, int queries, int position, float scale, bool more, float* scores, nint lds, float* output)
    {
        if (layout.ElementBytes == 4)
        {
            Attention.Head<L, V, Float32Elements>(layout, pool, table, head, q, ldq, queries, position, scale, more, scores, lds, output);
        }
        else
        {
            Attention.Head<L, V, BFloat16Elements>(layout, pool, table, head, q, ldq, queries, position, scale, more, scores, lds, output);
        }
    }
}
