using TorchKv.Runtime.Configuration;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchKv.Models;

/// <summary>The block's two linear layers with an activation between them.</summary>
public sealed class FeedForward : nn.Module<Tensor, Tensor>
{
    /// <summary>(emb_dim) → (inner) → (emb_dim).</summary>
    public FeedForward(GPTConfig cfg, Device? device = null, ScalarType? dtype = null)
        : base(nameof(FeedForward))
    {
        layers = nn.Sequential(
            new Linear(cfg.emb_dim, cfg.inner_dim, device: device, dtype: dtype),
            activation(cfg.activation),
            new Linear(cfg.inner_dim, cfg.emb_dim, device: device, dtype: dtype));
        RegisterComponents();
    }

    /// <summary>Linear, activation, linear.</summary>
    public readonly Sequential layers;

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        return layers.call(x);
    }

    private static nn.Module<Tensor, Tensor> activation(Gpt2Activation name) => name switch
    {
        Gpt2Activation.GeluNew => new GELU(),
        Gpt2Activation.Gelu => nn.GELU(),
        Gpt2Activation.Relu => nn.ReLU(),
        Gpt2Activation.Silu => nn.SiLU(),
        Gpt2Activation.Tanh => nn.Tanh(),
        _ => new ElementwiseActivation(name),
    };
}
