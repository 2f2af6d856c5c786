using static TorchSharp.torch;

namespace TorchKv.Models;

/// <summary>GELU by its tanh approximation (HuggingFace <c>gelu_new</c>), which TorchSharp's own <c>gelu</c> does not offer.</summary>
public sealed class GELU : nn.Module<Tensor, Tensor>
{
    /// <summary>Has no parameters.</summary>
    public GELU()
        : base(nameof(GELU))
    {
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        // 0.5·x·(1 + tanh(u)) with u = √(2/π)·(x + 0.044715·x³). Because 0.5·(1 + tanh(u)) = sigmoid(2u), it is
        // x·sigmoid(x·(a + b·x²)): six passes and two buffers, where the formula as it stands takes nine and eight
        using var gate = x.square().mul_(2 * Sqrt2OverPi * 0.044715).add_(2 * Sqrt2OverPi).mul_(x).sigmoid_();
        return gate * x;
    }

    private static readonly double Sqrt2OverPi = Math.Sqrt(2.0 / Math.PI);
}
