namespace TorchKv.Runtime.Cpu.Weights;

/// <summary>The parameters of a LayerNorm.</summary>
/// <param name="weight">(width).</param>
/// <param name="bias">(width).</param>
internal readonly unsafe struct NormWeights(float* weight, float* bias)
{
    /// <summary>(width).</summary>
    public readonly float* Weight = weight;

    /// <summary>(width).</summary>
    public readonly float* Bias = bias;
}
