using TorchKv.Runtime.Configuration;
using static TorchSharp.torch;

namespace TorchKv.Models;

/// <summary>
/// The activations of HuggingFace's configurations that are a few operations of their own, without parameters.
/// </summary>
public sealed class ElementwiseActivation : nn.Module<Tensor, Tensor>
{
    /// <summary>The activation by its name.</summary>
    public ElementwiseActivation(Gpt2Activation name)
        : base(nameof(ElementwiseActivation))
    {
        function = name switch
        {
            Gpt2Activation.QuickGelu => x => x * (x * 1.702).sigmoid(),
            Gpt2Activation.ReluSquared => x => x.relu().square(),
            Gpt2Activation.Relu6 => x => x.clamp(0, 6),
            Gpt2Activation.LeakyRelu => x => maximum(x, x * 0.01),
            Gpt2Activation.Sigmoid => x => x.sigmoid(),
            Gpt2Activation.Mish => mish,
            Gpt2Activation.Linear => x => x.alias(),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, "has a module of its own"),
        };
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return function(x).MoveToOuterDisposeScope();
    }

    // x * torch.tanh(F.softplus(x)): tanh(ln(1 + e)) is n / (n + 2) with n = e * (e + 2), and 1 in float32 past 20
    private static Tensor mish(Tensor x)
    {
        var e = x.clamp_max(20).exp();
        var n = e * (e + 2);
        return x * n / (n + 2);
    }

    private readonly Func<Tensor, Tensor> function;
}
