namespace TorchKv.Runtime.Configuration;

/// <summary>
/// HuggingFace's names of activations (<c>transformers.activations.ACT2FN</c>) for each <see cref="Gpt2Activation"/>.
/// </summary>
internal static class ActivationNames
{
    // gelu_fast and gelu_accurate do the same operations as gelu_new in another order.
    private static readonly (string Name, Gpt2Activation Activation)[] s_known =
    [
        ("gelu_new", Gpt2Activation.GeluNew),
        ("gelu", Gpt2Activation.Gelu),
        ("relu", Gpt2Activation.Relu),
        ("silu", Gpt2Activation.Silu),
        ("tanh", Gpt2Activation.Tanh),
        ("quick_gelu", Gpt2Activation.QuickGelu),
        ("relu2", Gpt2Activation.ReluSquared),
        ("relu6", Gpt2Activation.Relu6),
        ("leaky_relu", Gpt2Activation.LeakyRelu),
        ("sigmoid", Gpt2Activation.Sigmoid),
        ("mish", Gpt2Activation.Mish),
        ("linear", Gpt2Activation.Linear),
        ("gelu_pytorch_tanh", Gpt2Activation.GeluNew),
        ("gelu_python_tanh", Gpt2Activation.GeluNew),
        ("gelu_fast", Gpt2Activation.GeluNew),
        ("gelu_accurate", Gpt2Activation.GeluNew),
        ("gelu_python", Gpt2Activation.Gelu),
        ("swish", Gpt2Activation.Silu),
    ];

    public static string Of(Gpt2Activation activation) => s_known.First(known => known.Activation == activation).Name;

    public static bool TryParse(string name, out Gpt2Activation activation)
    {
        foreach (var known in s_known)
        {
            if (known.Name == name)
            {
                activation = known.Activation;
                return true;
            }
        }

        activation = default;
        return false;
    }

    public static string List => string.Join(", ", s_known.Select(known => known.Name));
}
