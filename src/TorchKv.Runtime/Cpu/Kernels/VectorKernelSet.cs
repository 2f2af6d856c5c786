using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>The kernels over one type of float vector and one type of integer vector.</summary>
/// <typeparam name="L">Operations on float32 lanes.</typeparam>
/// <typeparam name="V">The vector of <typeparamref name="L"/>.</typeparam>
/// <typeparam name="D">Operations on int32 lanes.</typeparam>
/// <typeparam name="I">The integer vector of <typeparamref name="D"/>.</typeparam>
/// <typeparam name="F">The float vector of <typeparamref name="D"/>.</typeparam>
internal sealed unsafe class VectorKernelSet<L, V, D, I, F> : KernelSet
    where L : IFloatLanes<V>
    where V : struct
    where D : IDotLanes<I, F>
    where I : struct
    where F : struct
{
    public override void Multiply(
        PackedMatrix matrix,
        int panel,
        float* x,
        nint ldx,
        in QuantizedRows quantized,
        int firstRow,
        int rows,
        float* tile)
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
            case WeightFormat.Int8 or WeightFormat.Int4 when rows > 1 && L.Count == 16 && WordTiles.AreFastest:
                WordTiles.Panel(quantized, firstRow, rows, weights, matrix.Format == WeightFormat.Int4, tile);
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

    public override void Attend(
        in KvLayout layout,
        byte* pool,
        int* table,
        int head,
        float* q,
        nint ldq,
        int queries,
        int position,
        float scale,
        bool nextHead,
        float* scores,
        nint lds,
        float* output)
    {
        if (layout.IsFloat32)
        {
            Attention.Head<L, V, Float32Elements>(
                layout, pool, table, head, q, ldq, queries, position, scale, nextHead, scores, lds, output);
        }
        else
        {
            Attention.Head<L, V, BFloat16Elements>(
                layout, pool, table, head, q, ldq, queries, position, scale, nextHead, scores, lds, output);
        }
    }
}
