using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Tests.Cpu;

[Trait("speed", "fast")]
public sealed unsafe class ActivationTests
{
    public static TheoryData<Gpt2Activation> All => [.. Enum.GetValues<Gpt2Activation>()];

    [Theory]
    [MemberData(nameof(All))]
    public void EveryActivationMatchesItsDefinition(Gpt2Activation activation)
    {
        for (var x = -30f; x <= 30f; x += 0.0101f)
        {
            var value = x;
            Functions.Activate<Lanes1, float>(activation, &value, 1);

            var expected = Definition(activation, x);
            Assert.True(
                Math.Abs(value - expected) <= 1e-6 + (2e-6 * Math.Abs(expected)),
                $"{activation}({x}) = {value}, not {expected}");
        }
    }

    private static double Definition(Gpt2Activation activation, double x) => activation switch
    {
        Gpt2Activation.GeluNew => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))),
        Gpt2Activation.Gelu => x * NormalDistribution(x),
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

    /// <summary>Φ(x) = ½ + φ(x)·(x + x³/3 + x⁵/15 + …). The series converges for every x.</summary>
    private static double NormalDistribution(double x)
    {
        if (Math.Abs(x) > 7)
        {
            return x > 0 ? 1 : 0;
        }

        double term = x, sum = x;
        for (var k = 3; Math.Abs(term) > 1e-17; k += 2)
        {
            sum += term *= x * x / k;
        }

        return 0.5 + (sum * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI));
    }
}
