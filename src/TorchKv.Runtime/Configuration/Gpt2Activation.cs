namespace TorchKv.Runtime.Configuration;

/// <summary>
/// The activation of the feed-forward network; HuggingFace's names for each (<c>transformers.activations.ACT2FN</c>).
/// </summary>
public enum Gpt2Activation
{
    /// <summary>
    /// 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))); <c>gelu_new</c>, <c>gelu_pytorch_tanh</c>, <c>gelu_fast</c>,
    /// <c>gelu_accurate</c>.
    /// </summary>
    GeluNew,

    /// <summary>x·Φ(x) by the error function; <c>gelu</c>, <c>gelu_python</c>.</summary>
    Gelu,

    /// <summary>max(0, x); <c>relu</c>.</summary>
    Relu,

    /// <summary>x·sigmoid(x); <c>silu</c>, <c>swish</c>.</summary>
    Silu,

    /// <summary>tanh(x); <c>tanh</c>.</summary>
    Tanh,

    /// <summary>x·sigmoid(1.702·x); <c>quick_gelu</c>.</summary>
    QuickGelu,

    /// <summary>max(0, x)²; <c>relu2</c>.</summary>
    ReluSquared,

    /// <summary>min(max(0, x), 6); <c>relu6</c>.</summary>
    Relu6,

    /// <summary>x where x is positive, 0.01·x elsewhere; <c>leaky_relu</c>.</summary>
    LeakyRelu,

    /// <summary>1 / (1 + e⁻ˣ); <c>sigmoid</c>.</summary>
    Sigmoid,

    /// <summary>x·tanh(ln(1 + eˣ)); <c>mish</c>.</summary>
    Mish,

    /// <summary>x; <c>linear</c>.</summary>
    Linear,
}
