using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Text;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>A constant factor, a vector added to every row, and what the figures may stand for.</summary>
internal static class FactorProbe
{
    public static Resemblance? Factor(Scene scene)
    {
        var (factor, residual) = Numbers.Fit(scene.Expected.Values, scene.Actual.Values);
        return factor != 0 && scene.Explains(residual)
            ? new(ResemblanceKind.ConstantFactor, $"a constant factor: {scene.Port} is {Figures.Say(factor)} times {scene.Original}{Meaning(scene, factor)}")
            : null;
    }

    /// <summary>The same vector, or number, is added to every row.</summary>
    public static Resemblance? Bias(Scene scene)
    {
        var (rows, columns) = (scene.Expected.Rows, scene.Expected.Columns);
        if (rows < 2 || columns < 2 || rows * columns < 8)
        {
            return null;
        }

        var difference = Numbers.Subtract(scene.Actual.Values, scene.Expected.Values);
        var mean = new double[columns];
        for (var i = 0; i < difference.Length; i++)
        {
            mean[i % columns] += difference[i] / (double)rows;
        }

        var residual = 0.0;
        for (var i = 0; i < difference.Length; i++)
        {
            residual += Math.Pow(difference[i] - mean[i % columns], 2);
        }

        if (!scene.Explains(Math.Sqrt(residual / difference.Length)))
        {
            return null;
        }

        var average = mean.Average();
        return mean.All(value => Math.Abs(value - average) <= 0.01 * Math.Abs(average))
            ? new(ResemblanceKind.Bias, $"a constant: {Figures.Say(average)} is added to every number")
            : new(ResemblanceKind.Bias, $"the same vector is added to every row (root mean square {Figures.Say(Math.Sqrt(mean.Average(v => v * v)))}): a bias that one of them lacks, or another one");
    }

    /// <summary>What a factor may stand for: ", as from …" or nothing.</summary>
    public static string Meaning(Scene scene, double factor)
    {
        var names = new List<(double Value, string Name)> { (-1, "a sign") };
        if (scene.Layer is { } layer and > 0)
        {
            names.Add((layer + 1, $"{layer + 1} = layer index + 1 (scale_attn_by_inverse_layer_idx)"));
        }

        if (scene.Facts.HeadDim is { } d && d > 1)
        {
            names.Add((Math.Sqrt(d), $"√head_dim = √{d}"));
            names.Add((d, $"head_dim = {d}"));
        }

        if (scene.Facts.Width is { } width && width > 1)
        {
            names.Add((Math.Sqrt(width), $"√emb_dim = √{width}"));
            names.Add((width, $"emb_dim = {width}"));
        }

        if (scene.Facts is { Heads: > 1 and var heads, Width: not null })
        {
            names.Add((Math.Sqrt(heads), $"√heads = √{heads}: √emb_dim in place of √head_dim"));
            names.Add((heads, $"heads = {heads}"));
        }

        var columns = scene.Expected.Columns;
        if (columns > 2)
        {
            names.Add((Math.Sqrt((columns - 1) / (double)columns), $"√((n − 1)/n) for n = {columns}: a variance with Bessel's correction (unbiased) in a normalisation"));
        }

        names.Add((2, "something added or counted twice"));
        var meanings = new List<string>();
        foreach (var (value, name) in names)
        {
            if (Near(factor, value))
            {
                meanings.Add(name);
            }
            else if (Near(factor, 1 / value) && value > 0)
            {
                meanings.Add($"1 ÷ ({name})");
            }
        }

        return meanings.Count == 0 ? "" : ", " + string.Join(", or ", meanings.Take(3));

        static bool Near(double x, double y) => Math.Abs(x - y) <= 5e-3 * Math.Min(Math.Abs(y), Math.Abs(1 - y));
    }
}
