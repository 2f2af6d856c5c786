using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchKv.Models;

/// <summary>
/// Layer normalisation over the last dimension, with <c>scale</c> and <c>shift</c> as the article names them.
/// </summary>
public sealed class LayerNorm : nn.Module<Tensor, Tensor>
{
    /// <summary>Ones and zeros of <paramref name="emb_dim"/> elements.</summary>
    /// <param name="emb_dim">Width of the last dimension.</param>
    /// <param name="eps">Added to the variance.</param>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="dtype">The parameters' dtype.</param>
    public LayerNorm(long emb_dim, double eps = 1e-5, Device? device = null, ScalarType? dtype = null)
        : base(nameof(LayerNorm))
    {
        this.eps = eps;
        this.emb_dim = [emb_dim];
        scale = new Parameter(ones(emb_dim, dtype: dtype, device: device));
        shift = new Parameter(zeros(emb_dim, dtype: dtype, device: device));
    }

    // Registered under their names, without a field beside the registry that a reassignment would leave behind.

    /// <summary>Multiplies the normalised input, (emb_dim).</summary>
    public Parameter scale
    {
        get => get_parameter(nameof(scale))!;
        set => ConditionallyRegisterParameter(nameof(scale), (Parameter)value.DetachFromDisposeScope());
    }

    /// <summary>Added to the normalised and scaled input, (emb_dim).</summary>
    public Parameter shift
    {
        get => get_parameter(nameof(shift))!;
        set => ConditionallyRegisterParameter(nameof(shift), (Parameter)value.DetachFromDisposeScope());
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor x)
    {
        // scale * (x - mean) / sqrt(var + eps) + shift over the last dimension: one pass instead of eight operations
        return nn.functional.layer_norm(x, emb_dim, scale, shift, eps);
    }

    private readonly double eps;
    private readonly long[] emb_dim;
}
