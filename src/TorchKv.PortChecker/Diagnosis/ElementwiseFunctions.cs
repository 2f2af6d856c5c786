namespace TorchKv.PortChecking.Diagnosis;

/// <summary>The elementwise functions that are recognised by their values.</summary>
internal static class ElementwiseFunctions
{
    /// <summary>The name of the function that returns its argument.</summary>
    public const string Identity = "the identity";

    /// <summary>The functions by name; of functions that fit, the first is taken.</summary>
    public static IReadOnlyList<(string Name, Func<double, double> Function)> Known { get; } =
    [
        (Identity, x => x),
        ("GELU (tanh)", x => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))))),
        ("GELU (erf)", x => 0.5 * x * (1 + Erf(x / Math.Sqrt(2)))),
        ("GELU (sigmoid, x·σ(1.702x))", x => x / (1 + Math.Exp(-1.702 * x))),
        ("ReLU", x => Math.Max(0, x)),
        ("SiLU", x => x / (1 + Math.Exp(-x))),
        ("tanh", Math.Tanh),
        ("sigmoid", x => 1 / (1 + Math.Exp(-x))),
        ("ELU", x => x > 0 ? x : Math.Exp(x) - 1),
        ("leaky ReLU (0.01)", x => x > 0 ? x : 0.01 * x),
        ("ReLU²", x => x > 0 ? x * x : 0),
        ("softplus", Softplus),
        ("Mish", x => x * Math.Tanh(Softplus(x))),
    ];

    /// <summary>Whether a name is that of a form of GELU.</summary>
    public static bool IsGelu(string name) => name.StartsWith("GELU", StringComparison.Ordinal);

    private static double Softplus(double x) => x > 30 ? x : Math.Log(1 + Math.Exp(x));

    // Abramowitz and Stegun 7.1.5 and 7.1.14: the series near zero, the continued fraction beyond.
    private static double Erf(double x)
    {
        var z = Math.Abs(x);
        if (z < 2.5)
        {
            double term = z, sum = z;
            for (var n = 1; n < 60; n++)
            {
                term *= -z * z / n;
                sum += term / ((2 * n) + 1);
            }

            return Math.Sign(x) * 2 / Math.Sqrt(Math.PI) * sum;
        }

        var fraction = 0.0;
        for (var n = 60; n >= 1; n--)
        {
            fraction = n / 2.0 / (z + fraction);
        }

        return Math.Sign(x) * (1 - (Math.Exp(-z * z) / Math.Sqrt(Math.PI) / (z + fraction)));
    }
}
