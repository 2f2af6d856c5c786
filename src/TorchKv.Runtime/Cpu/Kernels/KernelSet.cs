using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>All kernels at one vector width. This is the only place that chooses the width.</summary>
internal abstract unsafe class KernelSet
{
    /// <summary>The widest vectors for which this machine has a fused multiply-add.</summary>
    public static VectorWidth Widest =>
        Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? VectorWidth.Bits512
        : Fma.IsSupported && Avx2.IsSupported ? VectorWidth.Bits256
        : AdvSimd.IsSupported ? VectorWidth.Bits128
        : VectorWidth.Scalar;

    /// <summary>The kernels of a width, which the machine must have.</summary>
    public static KernelSet For(VectorWidth width) => width switch
    {
        VectorWidth.Bits512 =>
            new VectorKernelSet<Lanes16, Vector512<float>, Dots8, Vector256<int>, Vector256<float>>(),
        VectorWidth.Bits256 =>
            new VectorKernelSet<Lanes8, Vector256<float>, Dots8, Vector256<int>, Vector256<float>>(),
        VectorWidth.Bits128 =>
            new VectorKernelSet<Lanes4, Vector128<float>, Dots4, Vector128<int>, Vector128<float>>(),
        _ => new VectorKernelSet<Lanes1, float, Dots1, int, float>(),
    };

    /// <summary>
    /// Rows × one panel, into a tile of (rows, 32). The format of the matrix chooses among <see cref="MatMul"/>,
    /// <see cref="CodedMatMul"/> and <see cref="QuantizedMatMul"/>.
    /// </summary>
    /// <param name="matrix">The weights.</param>
    /// <param name="panel">The panel, which holds 32 outputs.</param>
    /// <param name="x">
    /// All rows in float32; used if the weights are float32 or bfloat16. From the first row to compute,
    /// <see cref="Tiles.PaddedRows"/> rows must be readable. If bfloat16 weights are stored in 12 bits, zeros must
    /// follow each row up to a multiple of <see cref="CodedPanel.Unit"/> inputs.
    /// </param>
    /// <param name="ldx">Floats from row to row of <paramref name="x"/>.</param>
    /// <param name="quantized">All rows in int8; used if the weights have 8, 6 or 4 bits.</param>
    /// <param name="firstRow">The first row to compute.</param>
    /// <param name="rows">The number of rows to compute.</param>
    /// <param name="tile">Receives (rows, 32); has room for <see cref="Tiles.PaddedRows"/> rows.</param>
    public abstract void Multiply(
        PackedMatrix matrix,
        int panel,
        float* x,
        nint ldx,
        in QuantizedRows quantized,
        int firstRow,
        int rows,
        float* tile);

    /// <summary>See <see cref="Normalization.LayerNorm"/>.</summary>
    public abstract void LayerNorm(float* x, float* weight, float* bias, float eps, int n, float* y);

    /// <summary>Adds 32 biases to every row of a tile.</summary>
    public abstract void AddBias(float* tile, int rows, float* bias);

    /// <summary>See <see cref="Functions.Activate"/>.</summary>
    public abstract void Activate(Gpt2Activation activation, float* values, int count);

    /// <summary>See <see cref="QuantizedRows.Quantize"/>.</summary>
    public abstract void Quantize(in QuantizedRows rows, float* x, int row, int group, int offset);

    /// <summary>See <see cref="Attention.Head"/>.</summary>
    public abstract void Attend(
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
        float* output);
}
