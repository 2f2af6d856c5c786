using System.Runtime.CompilerServices;
using TorchKv.Runtime.Configuration;

namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// exp and the activations. They use polynomials of their own instead of the platform's functions, so that every vector
/// width and every machine gives the same bits.
/// </summary>
internal static unsafe class Functions
{
    /// <summary>
    /// 1.5 · 2²³. Adding it rounds a float of magnitude below 2²² to an integer, ties to even, and leaves that integer
    /// in the low bits of the sum.
    /// </summary>
    internal const float Rounder = 12582912f;

    /// <summary>
    /// eˣ within 1.5 ulp for −87 ≤ x ≤ 88. Other x are clamped to that range: e⁻⁸⁷ = 1.6e-38 is negligible against 1.
    /// n = round(x / ln 2); r = x − n · ln 2, with ln 2 in two parts (Cody and Waite); eʳ by a polynomial of degree 6;
    /// the result is eʳ · 2ⁿ.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<L, V>(V x)
        where L : IFloatLanes<V>
        where V : struct
    {
        V low = L.All(-87f), high = L.All(88f);
        x = L.IfGreater(x, low, x, low);
        x = L.IfGreater(x, high, high, x);
        var shifted = L.Fma(x, L.All(1.44269504f), L.All(Rounder));
        var n = L.Subtract(shifted, L.All(Rounder));
        var r = L.Fma(n, L.All(-0.693359375f), x);
        r = L.Fma(n, L.All(2.12194440e-4f), r);
        var p = L.All(1.0f / 720);
        p = L.Fma(p, r, L.All(1.0f / 120));
        p = L.Fma(p, r, L.All(1.0f / 24));
        p = L.Fma(p, r, L.All(1.0f / 6));
        p = L.Fma(p, r, L.All(0.5f));
        p = L.Fma(p, r, L.All(1));
        p = L.Fma(p, r, L.All(1));
        return L.Scale(p, shifted);
    }

    /// <summary>x · σ(y) = x / (1 + e⁻ʸ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V TimesSigmoid<L, V>(V x, V y)
        where L : IFloatLanes<V>
        where V : struct =>
        L.Divide(x, L.Add(L.All(1), Exp<L, V>(L.Subtract(L.All(0), y))));

    /// <summary>tanh(x) = sign(x) · (1 − t) / (1 + t) with t = e^(−2|x|).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Tanh<L, V>(V x)
        where L : IFloatLanes<V>
        where V : struct
    {
        var t = Exp<L, V>(L.Multiply(L.All(-2), L.Abs(x)));
        return L.CopySign(L.Divide(L.Subtract(L.All(1), t), L.Add(L.All(1), t)), x);
    }

    /// <summary>
    /// erf(x) = sign(x) · (1 − e^(−x²) · q(t)), t = 1 / (1 + p·|x|), q of degree 5 without a constant term
    /// (Abramowitz and Stegun 7.1.26: within 1.5e-7).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Erf<L, V>(V x)
        where L : IFloatLanes<V>
        where V : struct
    {
        var a = L.Abs(x);
        var t = L.Divide(L.All(1), L.Fma(a, L.All(0.3275911f), L.All(1)));
        var q = L.All(1.061405429f);
        q = L.Fma(q, t, L.All(-1.453152027f));
        q = L.Fma(q, t, L.All(1.421413741f));
        q = L.Fma(q, t, L.All(-0.284496736f));
        q = L.Fma(q, t, L.All(0.254829592f));
        q = L.Multiply(q, t);
        var e = Exp<L, V>(L.Subtract(L.All(0), L.Multiply(a, a)));
        return L.CopySign(L.Subtract(L.All(1), L.Multiply(q, e)), x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Relu<L, V>(V x)
        where L : IFloatLanes<V>
        where V : struct =>
        L.IfGreater(x, L.All(0), x, L.All(0));

    /// <summary>
    /// x · tanh(ln(1 + eˣ)) = x · n / (n + 2) with n = eˣ · (eˣ + 2). For x > 20 the factor of x is 1 in float32.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Mish<L, V>(V x)
        where L : IFloatLanes<V>
        where V : struct
    {
        var limit = L.All(20);
        var e = Exp<L, V>(L.IfGreater(x, limit, limit, x));
        var n = L.Multiply(e, L.Add(e, L.All(2)));
        return L.Multiply(x, L.Divide(n, L.Add(n, L.All(2))));
    }

    /// <summary>
    /// Applies an activation in place to <paramref name="count"/> values, a multiple of 16.
    /// Roofline: about 25 instructions per vector, which overlap with the product's loads of weights.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Activate<L, V>(Gpt2Activation activation, float* values, int count)
        where L : IFloatLanes<V>
        where V : struct
    {
        for (var i = 0; i < count; i += L.Count)
        {
            var x = L.Load(values + i);
            L.Store(
                activation switch
                {
                    // 0.5·x·(1 + tanh(u)) = x·σ(2u). The right side stays accurate where tanh is near −1.
                    Gpt2Activation.GeluNew => TimesSigmoid<L, V>(
                        x,
                        L.Multiply(
                            L.Multiply(L.All(1.5957691216f), x),
                            L.Fma(L.Multiply(L.All(0.044715f), x), x, L.All(1)))),
                    Gpt2Activation.Gelu => L.Multiply(
                        L.Multiply(L.All(0.5f), x),
                        L.Add(L.All(1), Erf<L, V>(L.Multiply(x, L.All(0.70710678f))))),
                    Gpt2Activation.Relu => Relu<L, V>(x),
                    Gpt2Activation.Silu => TimesSigmoid<L, V>(x, x),
                    Gpt2Activation.Tanh => Tanh<L, V>(x),
                    Gpt2Activation.QuickGelu => TimesSigmoid<L, V>(x, L.Multiply(L.All(1.702f), x)),
                    Gpt2Activation.ReluSquared => L.Multiply(Relu<L, V>(x), Relu<L, V>(x)),
                    Gpt2Activation.Relu6 => L.IfGreater(x, L.All(6), L.All(6), Relu<L, V>(x)),
                    Gpt2Activation.LeakyRelu => L.IfGreater(x, L.All(0), x, L.Multiply(L.All(0.01f), x)),
                    Gpt2Activation.Sigmoid => TimesSigmoid<L, V>(L.All(1), x),
                    Gpt2Activation.Mish => Mish<L, V>(x),
                    Gpt2Activation.Linear => x,
                    _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "not an activation"),
                },
                values + i);
        }
    }
}
