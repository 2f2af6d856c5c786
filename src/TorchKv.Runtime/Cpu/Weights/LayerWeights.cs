using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Weights;

/// <summary>The parameters of one transformer layer.</summary>
internal sealed class LayerWeights
{
    /// <summary>The LayerNorm before attention.</summary>
    public required NormWeights Norm1 { get; init; }

    /// <summary>(width) → queries, keys and values, (width) each.</summary>
    public required PackedMatrix Qkv { get; init; }

    /// <summary>The projection of attention's output: (width) → (width).</summary>
    public required PackedMatrix Projection { get; init; }

    /// <summary>The LayerNorm before the MLP.</summary>
    public required NormWeights Norm2 { get; init; }

    /// <summary>The first product of the MLP: (width) → (inner).</summary>
    public required PackedMatrix Up { get; init; }

    /// <summary>The second product of the MLP: (inner) → (width).</summary>
    public required PackedMatrix Down { get; init; }
}
