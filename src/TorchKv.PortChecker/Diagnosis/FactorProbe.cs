using TorchKv.PortChecking.Findings;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>A constant factor, or a vector that is added to every row.</summary>
internal static class FactorProbe
{
    /// <summary>One side is a multiple of the other.</summary>
    public static Finding? Factor(Mismatch mismatch)
    {
        var (factor, residual) = Numbers.Fit(mismatch.Expected.Values, mismatch.Actual.Values);
        return factor != 0 && mismatch.Explains(residual)
            ? new FactorFinding.Factor(mismatch.ActualSide, factor, Meanings(mismatch, factor))
            : null;
    }

    /// <summary>One vector, or one number, is added to every row.</summary>
    public static Finding? Bias(Mismatch mismatch)
    {
        var (rows, columns) = (mismatch.Expected.Rows, mismatch.Expected.Columns);
        if (rows < 2 || columns < 2 || rows * columns < 8)
        {
            return null;
        }

        var difference = Numbers.Subtract(mismatch.Actual.Values, mismatch.Expected.Values);
        var mean = Numbers.MeanRow(difference, rows, columns);
        var residual = 0.0;
        for (var i = 0; i < difference.Length; i++)
        {
            residual += Math.Pow(difference[i] - mean[i % columns], 2);
        }

        if (!mismatch.Explains(Math.Sqrt(residual / difference.Length)))
        {
            return null;
        }

        var average = mean.Average();
        return mean.All(value => Math.Abs(value - average) <= 0.01 * Math.Abs(average))
            ? new FactorFinding.ConstantAdded(average)
            : new FactorFinding.VectorAdded(Math.Sqrt(mean.Average(value => value * value)));
    }

    /// <summary>What a factor may stand for in this model.</summary>
    public static FactorMeaning[] Meanings(Mismatch mismatch, double factor)
    {
        var meanings = new List<FactorMeaning>();
        foreach (var (value, source, number) in Sources(mismatch))
        {
            if (AreClose(factor, value))
            {
                meanings.Add(new(source, number, Inverse: false));
            }
            else if (value > 0 && AreClose(factor, 1 / value))
            {
                meanings.Add(new(source, number, Inverse: true));
            }
        }

        return [.. meanings];

        static bool AreClose(double x, double y) => Math.Abs(x - y) <= 5e-3 * Math.Min(Math.Abs(y), Math.Abs(1 - y));
    }

    private static IEnumerable<(double Value, FactorSource Source, int Number)> Sources(Mismatch mismatch)
    {
        yield return (-1, FactorSource.Sign, -1);
        if (mismatch.Layer is { } layer and > 0)
        {
            yield return (layer + 1, FactorSource.LayerNumber, layer + 1);
        }

        if (mismatch.Facts.HeadDim is { } d and > 1)
        {
            yield return (Math.Sqrt(d), FactorSource.RootOfHeadDim, d);
            yield return (d, FactorSource.HeadDim, d);
        }

        if (mismatch.Facts.Width is { } width and > 1)
        {
            yield return (Math.Sqrt(width), FactorSource.RootOfWidth, width);
            yield return (width, FactorSource.Width, width);
        }

        if (mismatch.Facts is { Heads: > 1 and var heads, Width: not null })
        {
            yield return (Math.Sqrt(heads), FactorSource.RootOfHeads, heads);
            yield return (heads, FactorSource.Heads, heads);
        }

        var columns = mismatch.Expected.Columns;
        if (columns > 2)
        {
            yield return (Math.Sqrt((columns - 1) / (double)columns), FactorSource.UnbiasedVariance, columns);
        }

        yield return (2, FactorSource.Twice, 2);
    }
}
