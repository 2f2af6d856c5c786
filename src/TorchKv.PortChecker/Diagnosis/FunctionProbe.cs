using TorchKv.PortChecking.Findings;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Different elementwise functions of the same earlier output.</summary>
internal static class FunctionProbe
{
    private const int MostInputs = 4;

    /// <summary>Recognises the functions, or says that one of them is unknown.</summary>
    public static Finding? Activation(Mismatch mismatch)
    {
        foreach (var earlier in mismatch.Earlier.Reverse().Where(mismatch.HasShape).Take(MostInputs))
        {
            var (input, name) = (earlier.Expected.Values, earlier.Key.ModuleAndCall);
            var expected = Recognise(mismatch, input, mismatch.Expected.Values);
            var actual = Recognise(mismatch, input, mismatch.Actual.Values);
            if (expected == ElementwiseFunctions.Identity && actual == ElementwiseFunctions.Identity)
            {
                continue;
            }

            var finding = expected is not null && actual is not null && expected != actual
                ? TwoKnown(mismatch, name, expected, actual)
                : OneKnown(mismatch, input, name, expected, actual);
            if (finding is not null)
            {
                return finding;
            }
        }

        return null;
    }

    private static FunctionFinding TwoKnown(Mismatch mismatch, string input, string expected, string actual)
    {
        var (expectedSide, actualSide) = (mismatch.ExpectedSide, mismatch.ActualSide);
        if (ElementwiseFunctions.IsGelu(expected) && ElementwiseFunctions.IsGelu(actual))
        {
            return new FunctionFinding.TwoGelus(input, expectedSide, expected, actual, mismatch.WorstDifference());
        }

        return actual == ElementwiseFunctions.Identity ? new FunctionFinding.NoFunction(input, actualSide, expected)
            : expected == ElementwiseFunctions.Identity ? new FunctionFinding.NoFunction(input, expectedSide, actual)
            : new FunctionFinding.TwoFunctions(input, expectedSide, expected, actual);
    }

    private static FunctionFinding? OneKnown(
        Mismatch mismatch, float[] input, string name, string? expected, string? actual)
    {
        var known = expected ?? actual;
        var side = expected is null ? mismatch.ActualSide : mismatch.ExpectedSide;
        var unknown = expected is null ? mismatch.Expected.Values : mismatch.Actual.Values;
        if (known is null or ElementwiseFunctions.Identity || !IsFunction(input, unknown))
        {
            return null;
        }

        var worst = mismatch.WorstDifference();
        var count = mismatch.CountWrong();
        if (count * 20 <= input.Length)
        {
            return new FunctionFinding.ExceptAFew(name, known, count, input.Length, worst);
        }

        return worst < 0.03 * Math.Max(1e-12, mismatch.Expected.Values.Max(Math.Abs))
            ? new FunctionFinding.CloseFunction(name, side, known, worst)
            : new FunctionFinding.UnknownFunction(name, side, known);
    }

    private static string? Recognise(Mismatch mismatch, float[] input, float[] output)
    {
        var bound = Math.Max(4 * mismatch.Noise, 2e-6) * Math.Max(Numbers.Rms(output), 1e-30);
        var most = bound * bound * input.Length;
        foreach (var (name, function) in ElementwiseFunctions.Known)
        {
            var sum = 0.0;
            for (var i = 0; i < input.Length && sum <= most; i++)
            {
                sum += Math.Pow(function(input[i]) - output[i], 2);
            }

            if (sum <= most)
            {
                return name;
            }
        }

        return null;
    }

    // Whether each output lies near the line between its neighbours', with the inputs in ascending order.
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
            var (left, middle, right) = (order[i - 1], order[i], order[i + 1]);
            var span = (double)input[right] - input[left];
            var rise = (double)output[right] - output[left];
            var line = span == 0 ? output[left] : output[left] + (rise * (input[middle] - (double)input[left]) / span);
            off += Math.Pow(output[middle] - line, 2);
        }

        return Math.Sqrt(off / order.Length) < 0.02 * Numbers.Rms(output);
    }
}
