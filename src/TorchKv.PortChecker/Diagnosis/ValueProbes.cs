using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Text;
using TorchKv.Runtime.Checkpoints;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Differences that show in single numbers: NaN, zeros, dropout, narrower types, other modules' outputs.</summary>
internal static class ValueProbes
{
    public static Resemblance? NotANumber(Scene scene)
    {
        int inPort = 0, inOriginal = 0, infinite = 0;
        var rows = new SortedSet<int>();
        var wholeRows = true;
        for (var row = 0; row < scene.Expected.Rows; row++)
        {
            var e = scene.Expected.Row(row);
            var a = scene.Actual.Row(row);
            var bad = 0;
            for (var i = 0; i < e.Length; i++)
            {
                var (finiteE, finiteA) = (float.IsFinite(e[i]), float.IsFinite(a[i]));
                if (finiteE == finiteA)
                {
                    continue;
                }

                bad++;
                inPort += finiteA ? 0 : 1;
                inOriginal += finiteE ? 0 : 1;
                infinite += float.IsInfinity(a[i]) || float.IsInfinity(e[i]) ? 1 : 0;
            }

            if (bad > 0)
            {
                rows.Add(row);
                wholeRows &= bad >= e.Length / 2;
            }
        }

        if (rows.Count == 0)
        {
            return null;
        }

        var side = inPort >= inOriginal ? (scene.Port, scene.Original) : (scene.Original, scene.Port);
        var what = infinite > 0 ? "infinity" : "NaN";
        var places = rows.Select(scene.Place).ToArray();
        var where = $"{rows.Count} of {scene.Expected.Rows} rows (positions {Figures.Ranges(places.Select(p => p.Position))}"
            + (places.Any(p => p.Batch > 0) ? $", batch rows {Figures.Ranges(places.Select(p => p.Batch))})" : ")");
        var why = infinite > 0
            ? scene.Actual.DType == TensorDType.Float16 || scene.Expected.DType == TensorDType.Float16
                ? "float16 ends at 65504: an overflow, or a mask constant that it cannot hold"
                : "an overflow or a division by zero"
            : wholeRows && rows.Count < scene.Expected.Rows
                ? "whole rows: a softmax over keys that are all masked (0/0), as for padding; such rows should give zeros"
                : "0/0, ∞ − ∞ or a number that was NaN already (memory that was never written)";
        return new(ResemblanceKind.NotANumber, $"{what} in {side.Item1} where {side.Item2} has numbers, in {where}: {why}");
    }

    public static Resemblance? Zeros(Scene scene)
    {
        if (scene.RmsExpected > 0 && Array.TrueForAll(scene.Actual.Values, value => value == 0))
        {
            return new(ResemblanceKind.Zeros, $"{scene.Port} gives zeros only: a buffer that was never filled, or a module that was skipped");
        }

        return scene.RmsExpected == 0
            ? new(ResemblanceKind.Zeros, $"{scene.Original} gives zeros only, and {scene.Port} does not")
            : null;
    }

    /// <summary>Zeros here and there, and everything else multiplied by 1/(1 − p).</summary>
    public static Resemblance? Dropout(Scene scene) =>
        Dropped(scene, scene.Expected.Values, scene.Actual.Values, scene.Port) ??
        Dropped(scene, scene.Actual.Values, scene.Expected.Values, scene.Original);

    private static Resemblance? Dropped(Scene scene, float[] whole, float[] dropped, string side)
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
        var spread = Math.Sqrt(p * (1 - p) / alive);
        return factor > 1.001 && residual <= 10 * scene.Noise * Numbers.Rms([.. kept]) && Math.Abs(share - p) <= (4 * spread) + (1.0 / alive)
            ? new(ResemblanceKind.Dropout, $"dropout is on in {side}: {share:P0} of the numbers are zero and the others are multiplied by {Figures.Say(factor)} = 1/(1 − {Figures.Say(p)}); call eval() before the run")
            : null;
    }

    /// <summary>The output of another module of the step, bit for bit but for rounding.</summary>
    public static Resemblance? Swapped(Scene scene)
    {
        var candidates = scene.Peers.Where(peer => peer.Shape.AsSpan().TrimStart(1).SequenceEqual(scene.Expected.TrimmedShape));
        foreach (var peer in candidates)
        {
            if (peer.Key.Module == scene.Expected.Key.Module || !scene.Equal(scene.Actual.Values, peer.Expected.Values) || scene.Equal(scene.Expected.Values, peer.Expected.Values))
            {
                continue;
            }

            var inside = scene.Expected.Key.Contains(peer.Key, scene.Root);
            var before = scene.Earlier.Any(earlier => earlier.Key == peer.Key);
            var parallel = Siblings(peer.Key.Module, scene.Expected.Key.Module);
            return parallel
                ? new(ResemblanceKind.Swapped, $"the output of {Scene.Name(peer.Key)}: the two are swapped, or have each other's weights")
                : inside
                    ? new(ResemblanceKind.Residual, $"the output of {Scene.Name(peer.Key)} inside it, without what is added to that: a residual connection (shortcut) is missing")
                    : before
                        ? new(ResemblanceKind.Swapped, $"the output of {Scene.Name(peer.Key)}, which comes before: this module is skipped, or does nothing")
                        : new(ResemblanceKind.Swapped, $"the output of {Scene.Name(peer.Key)}: modules are swapped");
        }

        return null;
    }

    // Children of one parent that a model calls side by side, by what their names usually are.
    private static bool Siblings(string a, string b)
    {
        var (parentA, parentB) = (a[..(a.LastIndexOf('.') + 1)], b[..(b.LastIndexOf('.') + 1)]);
        return parentA == parentB && parentA.Length > 0 && Projection(a) && Projection(b);

        static bool Projection(string name) =>
            name.Contains("query", StringComparison.OrdinalIgnoreCase) || name.Contains("key", StringComparison.OrdinalIgnoreCase)
            || name.Contains("value", StringComparison.OrdinalIgnoreCase) || name.EndsWith("q_proj", StringComparison.Ordinal)
            || name.EndsWith("k_proj", StringComparison.Ordinal) || name.EndsWith("v_proj", StringComparison.Ordinal)
            || name.EndsWith("gate_proj", StringComparison.Ordinal) || name.EndsWith("up_proj", StringComparison.Ordinal);
    }

    /// <summary>All numbers of one side fit a narrower type, those of the other do not, and they are as close as that rounding leaves them.</summary>
    public static Resemblance? NarrowType(Scene scene)
    {
        foreach (var (type, ulp, fits) in new (string, double, Func<float, bool>)[]
        {
            ("bfloat16", 1.0 / 128, value => (BitConverter.SingleToUInt32Bits(value) & 0xFFFF) == 0),
            ("float16", 1.0 / 1024, value => (float)(Half)value == value),
        })
        {
            var (port, original) = (Share(scene.Actual.Values, fits), Share(scene.Expected.Values, fits));
            if (scene.RmsError <= 2 * ulp * scene.RmsExpected && Math.Max(port, original) > 0.999 && Math.Min(port, original) < 0.5)
            {
                var side = port > original ? scene.Port : scene.Original;
                return new(ResemblanceKind.Rounding, $"mere rounding of another dtype: every number of {side} fits {type} (relative error {Figures.Say(scene.RmsError / scene.RmsExpected)})");
            }
        }

        return null;

        static double Share(float[] values, Func<float, bool> fits)
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

            return nonzero < 8 ? 0.75 : (double)count / nonzero;
        }
    }
}
