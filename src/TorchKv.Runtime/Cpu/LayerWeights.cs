using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>The parameters of one transformer layer.</summary>
internal sealed unsafe class LayerWeights
{
    /// <summary>The weight of the LayerNorm before attention, (width).</summary>
    public float* Norm1Weight { get; set; }

    /// <summary>The bias of the LayerNorm before attention, (width).</summary>
    public float* Norm1Bias { get; set; }

    /// <summary>(width) → queries, keys and values, (width) each.</summary>
    public required PackedMatrix Qkv { get; init; }

    /// <summary>The projection of attention's output: (width) → (width).</summary>
    public required PackedMatrix Projection { get; init; }

    /// <summary>The weight of the LayerNorm before the MLP, (width).</summary>
    public float* Norm2Weight { get; set; }

    /// <summary>The bias of the LayerNorm before the MLP, (width).</summary>
    public float* Norm2Bias { get; set; }

    /// <summary>The first product of the MLP: (width) → (inner).</summary>
    public required PackedMatrix Up { get; init; }

    /// <summary>The second product of the MLP: (inner) → (width).</summary>
    public required PackedMatrix Down { get; init; }

    /// <summary>All matrices of the layer.</summary>
    public IEnumerable<PackedMatrix> Matrices => [Qkv, Projection, Up, Down];
}
