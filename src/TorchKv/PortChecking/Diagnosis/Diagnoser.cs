using TorchKv.Runtime.Cpu;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Says what a difference looks like: the first of the hypotheses, from the most to the least specific, that the numbers bear out.</summary>
internal static class Diagnoser
{
    // Each probe either explains nearly all of the difference (see Scene.Explains) or says nothing. Those that look for the right
    // numbers in the wrong place, or for a mistake of the one side only, are asked about both sides.
    private static readonly (Func<Scene, Resemblance?> Probe, bool BothSides)[] Probes =
    [
        (ValueProbes.NotANumber, false),
        (ValueProbes.Zeros, false),
        (ValueProbes.Dropout, false),
        (ValueProbes.NarrowType, false),
        (FunctionProbe.Activation, true),
        (ValueProbes.Swapped, true),
        (FactorProbe.Factor, false),
        (AttentionProbe.Weights, true),
        (AttentionProbe.FirstKeyOnly, true),
        (LayoutProbe.Rows, true),
        (FunctionProbe.Residual, true),
        (LayoutProbe.Columns, false),
        (LayoutProbe.TransposedWeight, false),
        (NormalisationProbe.Explain, true),
        (FactorProbe.Bias, false),
        (PatternProbe.Positions, false),
        (PatternProbe.OtherRows, false),
    ];

    // What is left to say when no hypothesis explains the difference: how large it is and where it stands.
    private static readonly Func<Scene, Resemblance?>[] Remains = [PatternProbe.Columns, PatternProbe.Outliers, PatternProbe.Rounding];

    public static Resemblance Explain(Scene scene, Func<string, (double Sum, double Norm)?> originalParameters, Func<string, (double Sum, double Norm)?> portParameters)
    {
        scene.Measure();
        var mirror = scene.Mirror();
        Resemblance? found = null;
        foreach (var (probe, bothSides) in Probes)
        {
            if ((found = probe(scene) ?? (bothSides ? probe(mirror) : null)) is not null)
            {
                break;
            }
        }

        found ??= PatternProbe.Weights(scene, originalParameters, portParameters);
        foreach (var probe in Remains)
        {
            found ??= probe(scene);
        }

        found ??= PatternProbe.Unclear(scene);
        return scene.OnlyAfterTheFirstStep && found.Kind != ResemblanceKind.NotANumber
            ? found with { Text = found.Text + "; only at steps after the first" + (found.Text.Contains("cache", StringComparison.Ordinal) ? "" : " (a cache)") }
            : found;
    }

    /// <summary>Shapes that differ: how many keys, how many rows, or dimensions exchanged.</summary>
    public static Resemblance Shapes(ComparedPair pair, int past, bool onlyAfterTheFirstStep)
    {
        var (original, port) = (pair.Shape, pair.PortShape!);
        var shapes = $"{Numbers.ShapeText(port)} where the original has {Numbers.ShapeText(original)}";
        if (original.Length == 4 && port.Length == 4 && original.AsSpan()[..^1].SequenceEqual(port.AsSpan()[..^1]))
        {
            // Attention weights: (batch, heads, queries, keys).
            var (wanted, keys, queries) = (original[^1], port[^1], original[^2]);
            var why = keys == queries && past > 0 ? "the cache is not used, or was emptied: only the step's own tokens are attended to"
                : wanted == queries && past > 0 ? "the original does not use its cache: it attends to the step's own tokens only"
                : keys > wanted && past == 0 ? "the cache was not reset, or slots that hold nothing yet are attended to"
                : keys > wanted ? "more keys than the original: a cache that was not reset or cropped, slots that hold nothing yet, or a wider window"
                : "fewer keys than the original: earlier keys are lost, as in a window or a cache that was cropped";
            return new(ResemblanceKind.Cache, $"attends to {keys} keys where the original attends to {wanted}: {why} (cache); shape {shapes}");
        }

        if (original.Length == 4 && port.Length == 4 && original[1] != port[1] && original[0] == port[0] && original[2] == port[2] && original[3] == port[3])
        {
            return new(ResemblanceKind.Heads, $"{port[1]} heads where the original has {original[1]}: the width is divided among another number of heads");
        }

        if (original.Length == port.Length && original.Order().SequenceEqual(port.Order()))
        {
            return new(ResemblanceKind.Transposed, $"transposed: the shape is {shapes}");
        }

        var suffix = onlyAfterTheFirstStep ? "; only at steps after the first (a cache)" : "";
        return new(ResemblanceKind.Shape, $"the shape is {shapes}{suffix}");
    }
}
