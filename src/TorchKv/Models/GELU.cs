using static TorchSharp.torch;

namespace TorchKv.Models;

/// <summary>
/// GELU by its tanh approximation, as GPT-2 has it (HuggingFace <c>gelu_new</c>). <c>nn.GELU()</c> is the form with
/// erf.
/// </summary>
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
        // 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))
        return x.gelu(TorchSharp.Modules.GELU.Approximate.tanh);
    }
}
