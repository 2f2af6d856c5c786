using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Findings;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Weights that are transposed, or other weights.</summary>
internal static class WeightProbe
{
    private const int MostRows = 64;

    /// <summary>
    /// A square weight used transposed. With A = X·Wᵀ + b and B = X·W + b, and the mean row taken from each of X, A and
    /// B, A·Xᵀ = X·Wᵀ·Xᵀ is the transpose of B·Xᵀ for every W.
    /// </summary>
    public static Finding? Transposed(Mismatch mismatch)
    {
        var columns = mismatch.Expected.Columns;
        var rows = Math.Min(mismatch.Expected.Rows, MostRows);
        if (rows < 3)
        {
            return null;
        }

        foreach (var earlier in mismatch.Earlier.Reverse().Where(IsInput))
        {
            var x = Centred(earlier.Expected.Values, rows, columns);
            var ax = Product(Centred(mismatch.Expected.Values, rows, columns), x, rows, columns);
            var bx = Product(Centred(mismatch.Actual.Values, rows, columns), x, rows, columns);
            double off = 0, asymmetry = 0, size = 0;
            for (var i = 0; i < rows; i++)
            {
                for (var j = 0; j < rows; j++)
                {
                    off += Math.Pow(bx[(i * rows) + j] - ax[(j * rows) + i], 2);
                    asymmetry += Math.Pow(ax[(i * rows) + j] - ax[(j * rows) + i], 2);
                    size += Math.Pow(ax[(i * rows) + j], 2);
                }
            }

            if (asymmetry > 1e-4 * size && off <= 1e-4 * asymmetry)
            {
                return new LayoutFinding.WeightTransposed(earlier.Key.ModuleAndCall);
            }
        }

        return null;

        bool IsInput(ComparedPair pair) => pair.Shape.Length > 0 && pair.Shape[^1] == columns
            && pair.Shape.Aggregate(1L, (size, length) => size * length) == mismatch.Expected.Values.Length;
    }

    /// <summary>Parameters with another sum or norm, or outputs that have nothing in common.</summary>
    public static Finding? Explain(Mismatch mismatch)
    {
        var isDescribed = false;
        foreach (var name in ModuleRoles.ParameterNames)
        {
            var parameter = $"{mismatch.Expected.Key.Module}.{name}";
            if (mismatch.ExpectedParameter(parameter) is { } expected
                && mismatch.ActualParameter(parameter) is { } actual)
            {
                isDescribed = true;
                var bound = 1e-4 * Math.Max(expected.Norm, actual.Norm);
                if (!AreClose(expected.Norm, actual.Norm, bound) || !AreClose(expected.Sum, actual.Sum, bound))
                {
                    return new WeightFinding.OtherParameter(name, expected, actual);
                }
            }
        }

        if (mismatch.RightLater || mismatch.OnlyAfterTheFirstStep)
        {
            return null;
        }

        var correlation = Numbers.Correlation(mismatch.Expected.Values, mismatch.Actual.Values);
        var share = (double)mismatch.CountWrong() / mismatch.Expected.Values.Length;
        var joinsHeads = ModuleRoles.JoinsHeads(mismatch);
        if (share < 0.95 || Math.Abs(correlation) > 0.6 || !ModuleRoles.HasParameters(mismatch)
            || (isDescribed && !joinsHeads))
        {
            return null;
        }

        var cause = isDescribed ? NothingAlikeCause.HeadsAndPositions
            : joinsHeads ? NothingAlikeCause.WeightsOrHeads
            : NothingAlikeCause.Weights;
        return new WeightFinding.NothingAlike(share, correlation, cause);
    }

    // NaN is close to NaN, and infinity to the same infinity.
    private static bool AreClose(double a, double b, double bound) =>
        a.Equals(b) || (double.IsFinite(a) && double.IsFinite(b) && Math.Abs(a - b) <= bound);

    private static double[] Centred(float[] values, int rows, int columns)
    {
        var mean = Numbers.MeanRow(values, rows, columns);
        var centred = new double[rows * columns];
        for (var i = 0; i < centred.Length; i++)
        {
            centred[i] = values[i] - mean[i % columns];
        }

        return centred;
    }

    // a·bᵀ
    private static double[] Product(double[] a, double[] b, int rows, int columns)
    {
        var product = new double[rows * rows];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < rows; j++)
            {
                for (var c = 0; c < columns; c++)
                {
                    product[(i * rows) + j] += a[(i * columns) + c] * b[(j * columns) + c];
                }
            }
        }

        return product;
    }
}
