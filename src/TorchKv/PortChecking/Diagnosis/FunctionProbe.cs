using TorchKv.Runtime.Cpu.Kernels;
using static TorchKv.PortChecking.Diagnosis.Numbers;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Functions of earlier outputs: activations by name, shortcuts that are missing, added or taken from elsewhere.</summary>
internal static class FunctionProbe
{
    private static readonly (string Name, Func<double, double> Of)[] Known =
    [
        ("the identity", x => x),
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
        ("softplus", x => x > 30 ? x : Math.Log(1 + Math.Exp(x))),
        ("Mish", x => x * Math.Tanh(x > 30 ? x : Math.Log(1 + Math.Exp(x)))),
    ];

    /// <summary>The same earlier output through different elementwise functions.</summary>
    public static Resemblance? Activation(Scene scene)
    {
        foreach (var earlier in scene.Earlier.Reverse().Where(pair => pair.Shape.AsSpan().TrimStart(1).SequenceEqual(scene.Expected.TrimmedShape)).Take(4))
        {
            var input = earlier.Expected.Values;
            var (original, port) = (Named(scene, input, scene.Expected.Values), Named(scene, input, scene.Actual.Values));
            if (original is "the identity" && port is "the identity")
            {
                continue;
            }

            var of = Scene.Name(earlier.Key);
            if (original is not null && port is not null && original != port)
            {
                var worst = WorstDifference(scene);
                return original.StartsWith("GELU", StringComparison.Ordinal) && port.StartsWith("GELU", StringComparison.Ordinal)
                    ? new(ResemblanceKind.Approximation, $"an approximation: {scene.Original} has {original}, {scene.Port} {port} (erf against tanh and the like), at most {Say(worst)} apart")
                    : port == "the identity" || original == "the identity"
                        ? new(ResemblanceKind.Activation, $"no activation in {(port == "the identity" ? scene.Port : scene.Original)}, which gives {of} as it is; the other has {(port == "the identity" ? original : port)}")
                        : new(ResemblanceKind.Activation, $"another activation: {scene.Original} has {original} of {of}, {scene.Port} {port}");
            }

            var name = original ?? port;
            if (name is not null && name != "the identity" && IsFunction(input, original is null ? scene.Expected.Values : scene.Actual.Values))
            {
                var (known, unknown) = original is null ? (scene.Port, scene.Original) : (scene.Original, scene.Port);
                var worst = WorstDifference(scene);
                var count = WrongCount(scene);
                if (count * 20 <= input.Length)
                {
                    return new(ResemblanceKind.Outliers, $"a few outliers: {count:N0} of {input.Length:N0} numbers differ, at most by {Say(worst)}; elsewhere both have {name} of {of}, so one of them approximates or clamps it");
                }

                return worst < 0.03 * Math.Max(1e-12, scene.Expected.Values.Max(Math.Abs))
                    ? new(ResemblanceKind.Approximation, $"an approximation: {known} has {name} of {of}, {unknown} another function close to it, at most {Say(worst)} apart")
                    : new(ResemblanceKind.Activation, $"another activation: {known} has {name} of {of}, {unknown} another function of it");
            }
        }

        return null;
    }

    private static double WorstDifference(Scene scene)
    {
        var worst = 0.0;
        for (var i = 0; i < scene.Expected.Values.Length; i++)
        {
            worst = Math.Max(worst, Math.Abs((double)scene.Actual.Values[i] - scene.Expected.Values[i]));
        }

        return worst;
    }

    private static int WrongCount(Scene scene)
    {
        var count = 0;
        for (var i = 0; i < scene.Expected.Values.Length; i++)
        {
            count += Math.Abs((double)scene.Actual.Values[i] - scene.Expected.Values[i]) > 5 * scene.Noise * (scene.RmsExpected + Math.Abs(scene.Expected.Values[i])) ? 1 : 0;
        }

        return count;
    }

    private static string? Named(Scene scene, float[] input, float[] output)
    {
        var bound = Math.Max(4 * scene.Noise, 2e-6) * Math.Max(Rms(output), 1e-30);
        foreach (var (name, of) in Known)
        {
            var sum = 0.0;
            for (var i = 0; i < input.Length && sum <= bound * bound * input.Length; i++)
            {
                sum += Math.Pow(of(input[i]) - output[i], 2);
            }

            if (sum <= bound * bound * input.Length)
            {
                return name;
            }
        }

        return null;
    }

    /// <summary>Whether equal inputs have equal outputs: over the sorted inputs, each output lies on the line between its neighbours'.</summary>
    private static bool IsFunction(float[] input, float[] output)
    {
        if (input.Length < 64)
        {
            return false;
        }

        var order = Enumerable.Range(0, input.Length).OrderBy(i => input[i]).ToArray();
        var off = 0.0;
        for (var i = 1; i + 1 < order.Length; i++)
        {
            var (left, right) = (order[i - 1], order[i + 1]);
            var span = (double)input[right] - input[left];
            var line = span == 0 ? output[left] : output[left] + ((output[right] - (double)output[left]) * (input[order[i]] - (double)input[left]) / span);
            off += Math.Pow(output[order[i]] - line, 2);
        }

        return Math.Sqrt(off / order.Length) < 0.02 * Rms(output);
    }

    /// <summary>The difference is an earlier output, or what one earlier output lacks to another.</summary>
    public static Resemblance? Residual(Scene scene)
    {
        var difference = Subtract(scene.Actual.Values, scene.Expected.Values);
        var candidates = new List<ComparedPair>();
        foreach (var earlier in scene.Earlier.Reverse().Where(pair => pair.Shape.AsSpan().TrimStart(1).SequenceEqual(scene.Expected.TrimmedShape)))
        {
            // A container repeats its last part's output, a dropout its input's.
            if (candidates.Count < 16 && !candidates.Exists(known => known.Expected.Values.AsSpan().SequenceEqual(earlier.Expected.Values)))
            {
                candidates.Add(earlier);
            }
        }

        foreach (var pair in candidates)
        {
            var (factor, residual) = Fit(pair.Expected.Values, difference);
            if (factor == 0 || !scene.Explains(residual))
            {
                continue;
            }

            var name = Scene.Name(pair.Key);
            return Math.Abs(factor + 1) < 0.01
                ? new(ResemblanceKind.Residual, $"{scene.Port} lacks {name}: a residual connection (shortcut) around what follows it is missing")
                : Math.Abs(factor - 1) < 0.01
                    ? new(ResemblanceKind.Residual, $"{scene.Port} adds {name} once more than {scene.Original}: a residual connection (shortcut) too many, or another one")
                    : new(ResemblanceKind.Residual, $"{Say(factor)} times {name} is added: a residual connection (shortcut) with another factor");
        }

        for (var i = 0; i < candidates.Count; i++)
        {
            for (var j = 0; j < candidates.Count; j++)
            {
                // The residual stream between two modules is itself no module's output, but a sum of two.
                if (i < j && Fit(Add(candidates[i].Expected.Values, candidates[j].Expected.Values), difference) is var (times, rest)
                    && times != 0 && scene.Explains(rest))
                {
                    return new(ResemblanceKind.Residual, $"{Say(times)} times ({Scene.Name(candidates[j].Key)} + {Scene.Name(candidates[i].Key)}) is added: a residual connection (shortcut) that is missing, doubled or has another factor");
                }

                if (i == j)
                {
                    continue;
                }

                var instead = Subtract(candidates[i].Expected.Values, candidates[j].Expected.Values);
                if (scene.Explains(RmsDifference(instead, difference)))
                {
                    return new(ResemblanceKind.Residual, $"{scene.Port} adds {Scene.Name(candidates[i].Key)} where {scene.Original} adds {Scene.Name(candidates[j].Key)}: the residual connection (shortcut) is taken from elsewhere");
                }
            }
        }

        return null;
    }

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
