namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Statistics of arrays, computed in double precision.</summary>
internal static class Numbers
{
    /// <summary>The root mean square.</summary>
    public static double Rms(ReadOnlySpan<float> values)
    {
        var sum = 0.0;
        foreach (var value in values)
        {
            sum += (double)value * value;
        }

        return values.IsEmpty ? 0 : Math.Sqrt(sum / values.Length);
    }

    /// <summary>The root mean square of a − b.</summary>
    public static double RmsDifference(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++)
        {
            var d = (double)a[i] - b[i];
            sum += d * d;
        }

        return a.IsEmpty ? 0 : Math.Sqrt(sum / a.Length);
    }

    /// <summary>
    /// The factor c with the least squares of c·<paramref name="x"/> − <paramref name="y"/>, and the root mean square
    /// of what remains.
    /// </summary>
    public static (double Factor, double Residual) Fit(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        double xx = 0, xy = 0, yy = 0;
        for (var i = 0; i < x.Length; i++)
        {
            xx += (double)x[i] * x[i];
            xy += (double)x[i] * y[i];
            yy += (double)y[i] * y[i];
        }

        if (xx == 0)
        {
            return (0, Math.Sqrt(yy / Math.Max(1, y.Length)));
        }

        var factor = xy / xx;
        var residual = 0.0;
        for (var i = 0; i < x.Length; i++)
        {
            var d = y[i] - (factor * x[i]);
            residual += d * d;
        }

        return (factor, Math.Sqrt(residual / x.Length));
    }

    /// <summary>The correlation coefficient; 0 where one array is constant.</summary>
    public static double Correlation(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double meanA = 0, meanB = 0;
        for (var i = 0; i < a.Length; i++)
        {
            meanA += a[i];
            meanB += b[i];
        }

        meanA /= a.Length;
        meanB /= b.Length;
        double aa = 0, bb = 0, ab = 0;
        for (var i = 0; i < a.Length; i++)
        {
            aa += (a[i] - meanA) * (a[i] - meanA);
            bb += (b[i] - meanB) * (b[i] - meanB);
            ab += (a[i] - meanA) * (b[i] - meanB);
        }

        return aa == 0 || bb == 0 ? 0 : ab / Math.Sqrt(aa * bb);
    }

    /// <summary>a − b.</summary>
    public static float[] Subtract(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var result = new float[a.Length];
        for (var i = 0; i < a.Length; i++)
        {
            result[i] = a[i] - b[i];
        }

        return result;
    }

    /// <summary>a + b.</summary>
    public static float[] Add(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var result = new float[a.Length];
        for (var i = 0; i < a.Length; i++)
        {
            result[i] = a[i] + b[i];
        }

        return result;
    }

    /// <summary>The mean of the rows of a matrix.</summary>
    public static double[] MeanRow(ReadOnlySpan<float> values, int rows, int columns)
    {
        var mean = new double[columns];
        for (var i = 0; i < rows * columns; i++)
        {
            mean[i % columns] += values[i] / (double)rows;
        }

        return mean;
    }
}
