using TorchKv.PortChecking.Findings;
using TorchKv.Runtime.Checkpoints;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>
/// Differences that single numbers show: NaN, zeros, dropout, narrower types, outputs of other modules.
/// </summary>
internal static class ValueProbe
{
    // The endings of the names of projections that take the same input.
    private static readonly string[] s_projections = ["q_proj", "k_proj", "v_proj", "gate_proj", "up_proj"];

    private static readonly (string Name, double UnitInLastPlace, Func<float, bool> Fits)[] s_narrowTypes =
    [
        ("bfloat16", 1.0 / 128, value => (BitConverter.SingleToUInt32Bits(value) & 0xFFFF) == 0),
        ("float16", 1.0 / 1024, value => (float)(Half)value == value),
    ];

    /// <summary>NaN or infinity on one side where the other has a number.</summary>
    public static Finding? NotANumber(Mismatch mismatch)
    {
        int inActual = 0, inExpected = 0, infinite = 0;
        var rows = new List<int>();
        var wholeRows = true;
        for (var row = 0; row < mismatch.Expected.Rows; row++)
        {
            var bad = 0;
            var expected = mismatch.Expected.Row(row);
            var actual = mismatch.Actual.Row(row);
            for (var i = 0; i < expected.Length; i++)
            {
                if (float.IsFinite(expected[i]) != float.IsFinite(actual[i]))
                {
                    bad++;
                    inActual += float.IsFinite(actual[i]) ? 0 : 1;
                    inExpected += float.IsFinite(expected[i]) ? 0 : 1;
                    infinite += float.IsInfinity(actual[i]) || float.IsInfinity(expected[i]) ? 1 : 0;
                }
            }

            if (bad > 0)
            {
                rows.Add(row);
                wholeRows &= bad >= expected.Length / 2;
            }
        }

        if (rows.Count == 0)
        {
            return null;
        }

        var places = rows.Select(mismatch.Place).ToArray();
        var badSide = inActual >= inExpected ? mismatch.ActualSide : mismatch.ExpectedSide;
        var isFloat16 = mismatch.Actual.DType == TensorDType.Float16 || mismatch.Expected.DType == TensorDType.Float16;
        return new ValueFinding.NotANumber(
            badSide,
            infinite > 0,
            rows.Count,
            mismatch.Expected.Rows,
            [.. places.Select(place => place.Position).Distinct()],
            places.Any(place => place.Batch > 0) ? [.. places.Select(place => place.Batch).Distinct()] : [],
            HasBadParameter(mismatch, badSide) ? NotANumberCause.Parameter
                : infinite > 0 && isFloat16 ? NotANumberCause.Float16Overflow
                : infinite > 0 ? NotANumberCause.Overflow
                : wholeRows && rows.Count < mismatch.Expected.Rows ? NotANumberCause.MaskedRows
                : NotANumberCause.Undefined);
    }

    /// <summary>Zeros only, on one side.</summary>
    public static Finding? Zeros(Mismatch mismatch) =>
        mismatch.RmsExpected == 0 ? new ValueFinding.OnlyZeros(mismatch.ExpectedSide)
        : Array.TrueForAll(mismatch.Actual.Values, value => value == 0)
            ? new ValueFinding.OnlyZeros(mismatch.ActualSide)
        : null;

    /// <summary>Some numbers are zero, and all others are multiplied by 1/(1 − p).</summary>
    public static Finding? Dropout(Mismatch mismatch) =>
        Dropped(mismatch, mismatch.Expected.Values, mismatch.Actual.Values, mismatch.ActualSide)
        ?? Dropped(mismatch, mismatch.Actual.Values, mismatch.Expected.Values, mismatch.ExpectedSide);

    /// <summary>The output of another module of the step.</summary>
    public static Finding? Swapped(Mismatch mismatch)
    {
        var own = mismatch.Expected.Key;
        foreach (var peer in mismatch.Peers.Where(mismatch.HasShape))
        {
            if (peer.Key.Module == own.Module || !mismatch.Equal(mismatch.Actual.Values, peer.Expected.Values)
                || mismatch.Equal(mismatch.Expected.Values, peer.Expected.Values))
            {
                continue;
            }

            var role = AreParallel(peer.Key.Module, own.Module) ? OtherModuleRole.Parallel
                : own.Contains(peer.Key, mismatch.Root) ? OtherModuleRole.Inside
                : mismatch.Earlier.Any(earlier => earlier.Key == peer.Key) ? OtherModuleRole.Before
                : OtherModuleRole.Unrelated;
            return new ValueFinding.OutputOf(peer.Key.ModuleAndCall, role);
        }

        return null;
    }

    /// <summary>All numbers of one side fit a narrower type, those of the other do not, and both are close.</summary>
    public static Finding? NarrowType(Mismatch mismatch)
    {
        foreach (var (name, unit, fits) in s_narrowTypes)
        {
            var (actual, expected) = (Share(mismatch.Actual.Values, fits), Share(mismatch.Expected.Values, fits));
            if (mismatch.RmsError <= 2 * unit * mismatch.RmsExpected
                && Math.Max(actual, expected) > 0.999 && Math.Min(actual, expected) < 0.5)
            {
                return new ValueFinding.NarrowType(
                    actual > expected ? mismatch.ActualSide : mismatch.ExpectedSide,
                    name,
                    mismatch.RmsError / mismatch.RmsExpected);
            }
        }

        return null;
    }

    private static bool HasBadParameter(Mismatch mismatch, Side side)
    {
        var find = side == mismatch.ActualSide ? mismatch.ActualParameter : mismatch.ExpectedParameter;
        return ModuleRoles.ParameterNames.Select(name => find($"{mismatch.Expected.Key.Module}.{name}"))
            .Any(about => about is { } figures && !(double.IsFinite(figures.Sum) && double.IsFinite(figures.Norm)));
    }

    private static ValueFinding.DropoutOn? Dropped(Mismatch mismatch, float[] whole, float[] dropped, Side side)
    {
        int zeros = 0, alive = 0;
        var kept = new List<float>();
        var keptWhole = new List<float>();
        for (var i = 0; i < whole.Length; i++)
        {
            if (whole[i] == 0)
            {
                continue;
            }

            alive++;
            if (dropped[i] == 0)
            {
                zeros++;
            }
            else
            {
                kept.Add(dropped[i]);
                keptWhole.Add(whole[i]);
            }
        }

        if (zeros == 0 || kept.Count < 8)
        {
            return null;
        }

        var (factor, residual) = Numbers.Fit([.. keptWhole], [.. kept]);
        var share = (double)zeros / alive;
        var p = 1 - (1 / factor);

        // The share of zeros is p within four standard deviations of a binomial distribution.
        var spread = Math.Sqrt(p * (1 - p) / alive);
        return factor > 1.001 && residual <= 10 * mismatch.Noise * Numbers.Rms([.. kept])
            && Math.Abs(share - p) <= (4 * spread) + (1.0 / alive)
            ? new(side, share, factor, p)
            : null;
    }

    // Whether a model usually gives both modules the same input, by their names.
    private static bool AreParallel(string a, string b)
    {
        var (parentA, parentB) = (a[..(a.LastIndexOf('.') + 1)], b[..(b.LastIndexOf('.') + 1)]);
        return parentA == parentB && parentA.Length > 0 && IsProjection(a) && IsProjection(b);

        static bool IsProjection(string name) =>
            name.Contains("query", StringComparison.OrdinalIgnoreCase)
            || name.Contains("key", StringComparison.OrdinalIgnoreCase)
            || name.Contains("value", StringComparison.OrdinalIgnoreCase)
            || Array.Exists(s_projections, end => name.EndsWith(end, StringComparison.Ordinal));
    }

    private static double Share(float[] values, Func<float, bool> fits)
    {
        int count = 0, nonzero = 0;
        foreach (var value in values)
        {
            if (value != 0)
            {
                nonzero++;
                count += fits(value) ? 1 : 0;
            }
        }

        // Of few numbers nothing follows: neither "all fit" nor "most do not".
        return nonzero < 8 ? 0.75 : (double)count / nonzero;
    }
}
