using TorchKv.Models;
using TorchKv.Runtime.Configuration;
using static TorchSharp.torch;

namespace TorchKv.Tests.Models;

[Trait("speed", "fast")]
public class ActivationTests
{
    public static TheoryData<Gpt2Activation> All => [.. Enum.GetValues<Gpt2Activation>()];

    [Theory]
    [MemberData(nameof(All))]
    public void EveryActivationOfAConfigurationIsItsDefinition(Gpt2Activation activation)
    {
        using var scope = NewDisposeScope();
        using var no_gradients = no_grad();
        var cfg = new GPTConfig { vocab_size = 8, context_length = 8, emb_dim = 4, n_heads = 1, n_layers = 1, activation = activation };
        using var feedForward = new FeedForward(cfg);
        var x = linspace(-30, 30, 5_001);

        var y = ((nn.Module<Tensor, Tensor>)feedForward.layers[1]).call(x);

        var (given, got) = (x.data<float>().ToArray(), y.data<float>().ToArray());
        for (var i = 0; i < given.Length; i++)
        {
            var expected = Definition(activation, given[i]);
            Assert.True(Math.Abs(got[i] - expected) <= 2e-6 + (2e-6 * Math.Abs(expected)), $"{activation}({given[i]}) = {got[i]}, not {expected}");
        }
    }

    private static double Definition(Gpt2Activation activation, double x) => activation switch
    {
        Gpt2Activation.GeluNew => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))),
        Gpt2Activation.Gelu => 0.5 * x * (1 + erf(tensor(x / Math.Sqrt(2))).item<double>()),
        Gpt2Activation.Relu => Math.Max(0, x),
        Gpt2Activation.Silu => x / (1 + Math.Exp(-x)),
        Gpt2Activation.Tanh => Math.Tanh(x),
        Gpt2Activation.QuickGelu => x / (1 + Math.Exp(-1.702 * x)),
        Gpt2Activation.ReluSquared => Math.Max(0, x) * Math.Max(0, x),
        Gpt2Activation.Relu6 => Math.Clamp(x, 0, 6),
        Gpt2Activation.LeakyRelu => x > 0 ? x : 0.01 * x,
        Gpt2Activation.Sigmoid => 1 / (1 + Math.Exp(-x)),
        Gpt2Activation.Mish => x * Math.Tanh(Math.Log(1 + Math.Exp(x))),
        Gpt2Activation.Linear => x,
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, null),
    };
}
