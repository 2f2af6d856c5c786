namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Sums over arrays, in double.</summary>
internal static class Numbers
{
    public static double Rms(ReadOnlySpan<float> values)
    {
        var sum = 0.0;
        foreach (var value in values)
        {
            sum += (double)value * value;
        }

        return values.IsEmpty ? 0 : Math.Sqrt(sum / values.Length);
    }

    /// <summary>Root mean square of a − b.</summary>
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

    /// <summary>The factor c that brings c·<paramref name="x"/> closest to <paramref name="y"/>, and the root mean square that remains.</summary>
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

    public static float[] Subtract(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var result = new float[a.Length];
        for (var i = 0; i < a.Length; i++)
        {
            result[i] = a[i] - b[i];
        }

        return result;
    }

    public static float[] Add(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var result = new float[a.Length];
        for (var i = 0; i < a.Length; i++)
        {
            result[i] = a[i] + b[i];
        }

        return result;
    }
}
