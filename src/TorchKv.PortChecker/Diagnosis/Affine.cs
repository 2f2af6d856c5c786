namespace TorchKv.PortChecking.Diagnosis;

/// <summary>A weight and a bias for each column, as a normalisation applies them.</summary>
internal sealed record Affine(double[] Weight, double[] Bias)
{
    /// <summary>Whether all weights are 1 and all biases 0.</summary>
    public bool IsIdentity => Weight.All(w => Math.Abs(w - 1) < 1e-3) && Bias.All(b => Math.Abs(b) < 1e-3);

    /// <summary>The weight and bias that turn one matrix into another; null where none do.</summary>
    /// <param name="from">The matrix before.</param>
    /// <param name="to">The matrix after.</param>
    /// <param name="rows">Rows of both; for fewer than four only weight 1 and bias 0 are tried.</param>
    /// <param name="columns">Columns of both.</param>
    /// <param name="noise">
    /// The root mean square error that may remain, as a multiple of <paramref name="to"/>'s.
    /// </param>
    public static Affine? Between(float[] from, float[] to, int rows, int columns, double noise)
    {
        var plain = new Affine([.. Enumerable.Repeat(1.0, columns)], new double[columns]);
        if (Numbers.RmsDifference(from, to) <= noise * Numbers.Rms(to))
        {
            return plain;
        }

        if (rows < 4)
        {
            return null;
        }

        // Least squares in each column.
        var (x, y) = (Numbers.MeanRow(from, rows, columns), Numbers.MeanRow(to, rows, columns));
        var (weight, bias) = (new double[columns], new double[columns]);
        for (var c = 0; c < columns; c++)
        {
            double xx = 0, xy = 0;
            for (var row = 0; row < rows; row++)
            {
                var dx = from[(row * columns) + c] - x[c];
                xx += dx * dx;
                xy += dx * (to[(row * columns) + c] - y[c]);
            }

            weight[c] = xx == 0 ? 0 : xy / xx;
            bias[c] = y[c] - (weight[c] * x[c]);
        }

        var affine = new Affine(weight, bias);
        return Numbers.RmsDifference(affine.Of(from), to) <= noise * Numbers.Rms(to) ? affine : null;
    }

    /// <summary>The weight times the values, plus the bias.</summary>
    public float[] Of(float[] values)
    {
        var result = new float[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            result[i] = (float)((values[i] * Weight[i % Weight.Length]) + Bias[i % Bias.Length]);
        }

        return result;
    }
}
