using TorchKv.Runtime.Cpu;
using static TorchKv.PortChecking.Diagnosis.Numbers;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Where the wrong numbers stand: positions, batch rows, columns; and what is left when no structure was found.</summary>
internal static class PatternProbe
{
    /// <summary>Which positions are wrong tells which keys a query saw.</summary>
    public static Resemblance? Positions(Scene scene)
    {
        var shape = scene.Expected.Shape;
        if (shape.Length < 2 || !FollowsAttention(scene))
        {
            return null;
        }

        var tokens = shape[^2];
        var rows = scene.Expected.Rows;
        var batch = shape.Length == 3 ? shape[0] : 1;
        var wrong = WrongRows(scene);
        var wrongBatches = wrong.Select(row => row / tokens).Distinct().ToArray();
        if (shape.Length == 3 && batch > 1 && wrongBatches.Length < batch)
        {
            return new(ResemblanceKind.Mask, $"differs in batch rows {Ranges(wrongBatches)} only: rows of another length, whose padding or positions are not masked or counted as in {scene.Original} (mask)");
        }

        if (tokens < 3 || rows != batch * tokens)
        {
            return null;
        }

        var positions = wrong.Select(row => row % tokens).Distinct().Order().ToArray();
        var complete = wrong.Count == positions.Length * batch;
        if (!complete || positions.Length == tokens || positions.Length == 0)
        {
            return null;
        }

        var consecutive = positions[^1] - positions[0] == positions.Length - 1;
        if (scene.PastTokens == 0 && consecutive && positions[0] == 1 && positions[^1] == tokens - 1)
        {
            var close = Correlation(scene.Expected.Values, scene.Actual.Values) > 0.9;
            return close
                ? new(ResemblanceKind.ConstantFactor, "right at position 0, where there is one key only, and off at all later ones: a constant factor on the attention scores (attention scale), or another softmax")
                : new(ResemblanceKind.Mask, "right at position 0, where there is one key only, and wrong at all later ones: earlier keys are lost or out of place (mask), or the attention scores are");
        }

        if (consecutive && positions[0] == 0 && positions[^1] == tokens - 2)
        {
            return new(ResemblanceKind.Mask, "right at the last position, which sees every key anyway, and wrong at all before it: later keys are visible in one of them (mask)");
        }

        if (consecutive && positions[0] > 1 && positions[^1] == tokens - 1)
        {
            return new(ResemblanceKind.Mask, $"right up to position {scene.PastTokens + positions[0] - 1} and wrong from {scene.PastTokens + positions[0]} on: earlier keys are lost, as behind a window of {scene.PastTokens + positions[0]} (mask or cache)");
        }

        return null;
    }

    /// <summary>A table whose weights are right, since other rows of it are: so it was asked for other rows.</summary>
    public static Resemblance? OtherRows(Scene scene)
    {
        var name = scene.Expected.Key.Module.Split('.')[^1];
        if (!(scene.Type == "Embedding" || name.Contains("emb", StringComparison.Ordinal) || name is "wte" or "wpe"))
        {
            return null;
        }

        var right = scene.Expected.Rows - WrongRows(scene).Count;
        return right > 0 || scene.OnlyAfterTheFirstStep || scene.RightLater
            ? new(ResemblanceKind.Positions, "rows of the table at other indices, beyond the recorded ones (positions): the table is right, since other rows agree")
            : null;
    }

    /// <summary>Wrong in a few columns only, or in whole heads.</summary>
    public static Resemblance? Columns(Scene scene)
    {
        var columns = scene.Expected.Columns;
        var bound = scene.Noise * 5;
        var wrong = new SortedSet<int>();
        for (var i = 0; i < scene.Expected.Values.Length; i++)
        {
            if (!(Math.Abs((double)scene.Actual.Values[i] - scene.Expected.Values[i]) <= bound * (scene.RmsExpected + Math.Abs(scene.Expected.Values[i]))))
            {
                wrong.Add(i % columns);
            }
        }

        if (wrong.Count == 0 || wrong.Count > columns / 2 || columns < 4)
        {
            return null;
        }

        if (scene.Facts.HeadDim is { } d && columns % d == 0 && wrong.Count >= d / 2)
        {
            var heads = wrong.Select(c => c / d).Distinct().ToArray();
            if (heads.Length <= columns / d / 2 && wrong.Count > heads.Length * d / 2)
            {
                return new(ResemblanceKind.Heads, $"only heads {Ranges(heads)} differ, the other columns are right");
            }
        }

        return wrong.Count <= Math.Max(1, columns / 20)
            ? new(ResemblanceKind.Outliers, $"a few outliers: only columns {Ranges(wrong)} of {columns} differ")
            : new(ResemblanceKind.Unclear, $"unclear: only columns {Ranges(wrong)} of {columns} differ");
    }

    /// <summary>A few numbers among many.</summary>
    public static Resemblance? Outliers(Scene scene)
    {
        var count = WrongCount(scene);
        var size = scene.Expected.Values.Length;
        return size >= 64 && count <= Math.Max(1, size / 20)
            ? new(ResemblanceKind.Outliers, $"a few outliers: {count:N0} of {size:N0} numbers are beyond the bound ({(double)count / size:P1}), as with an approximation or a clamp")
            : null;
    }

    /// <summary>Small, everywhere, and without any pattern.</summary>
    public static Resemblance? Rounding(Scene scene)
    {
        var relative = scene.RmsError / scene.RmsExpected;
        if (!(relative < 0.03) || !IsWhite(scene))
        {
            return null;
        }

        var type = relative switch { < 6e-4 => "float16 or TF32 (10 bits of fraction)", < 4e-3 => "bfloat16 (7 bits of fraction)", _ => "8-bit integers" };
        if (scene.OnlyAfterTheFirstStep)
        {
            return new(ResemblanceKind.Rounding, $"mere rounding of another dtype, relative error {Say(relative)}, as of {type}: a cache that keeps keys or values in fewer bits");
        }

        var linear = scene.Earlier.FirstOrDefault(pair => IsMatrix(scene, pair.Key.Module));
        return linear is null
            ? new(ResemblanceKind.Rounding, $"mere rounding of another dtype: the relative error is {Say(relative)} everywhere, as of {type}, in the weights or in the arithmetic")
            : new(ResemblanceKind.Approximation, $"an approximation, or rounding in this module alone: the relative error is {Say(relative)} everywhere, without a pattern, and modules before it ({Scene.Name(linear.Key)}) are right");
    }

    /// <summary>Parameters that differ by their sums, or an output that has nothing in common with the original's.</summary>
    public static Resemblance? Weights(Scene scene, Func<string, (double Sum, double Norm)?> original, Func<string, (double Sum, double Norm)?> port)
    {
        var module = scene.Expected.Key.Module;
        var known = false;
        foreach (var name in new[] { "weight", "bias", "scale", "shift" })
        {
            if (original($"{module}.{name}") is not var (sum, norm) || port($"{module}.{name}") is not var (sum2, norm2))
            {
                continue;
            }

            known = true;
            if (Math.Abs(norm - norm2) > 1e-4 * Math.Max(norm, norm2) || Math.Abs(sum - sum2) > 1e-4 * Math.Max(norm, norm2))
            {
                return new(ResemblanceKind.Weights, $"other weights: {name} has norm {Say(norm)} and sum {Say(sum)} in {scene.Original}, {Say(norm2)} and {Say(sum2)} in {scene.Port}");
            }
        }

        if (scene.RightLater || scene.OnlyAfterTheFirstStep)
        {
            return null;
        }

        var correlation = Correlation(scene.Expected.Values, scene.Actual.Values);
        var share = (double)WrongCount(scene) / scene.Expected.Values.Length;
        if (share < 0.95 || Math.Abs(correlation) > 0.6 || !HasParameters(scene))
        {
            return null;
        }

        var figures = $"everything differs ({share:P0} of the numbers, correlation {Say(correlation)})";
        return (known, MixesHeads(scene)) switch
        {
            (true, true) => new(ResemblanceKind.Heads, $"{figures} although the weights are the same: heads and positions are transposed where they are split or joined"),
            (true, false) => null,
            (false, true) => new(ResemblanceKind.Unclear, $"unclear: {figures}: other weights, or heads and positions transposed where they are split or joined (a trace by tools/trace.py, which has the weights' norms, would tell)"),
            _ => new(ResemblanceKind.Weights, $"{figures} although what goes in is right: other weights"),
        };
    }

    /// <summary>What can be said when nothing else can.</summary>
    public static Resemblance Unclear(Scene scene)
    {
        var correlation = Correlation(scene.Expected.Values, scene.Actual.Values);
        var figures = $"{(double)WrongCount(scene) / scene.Expected.Values.Length:P0} of the numbers differ, correlation {Say(correlation)}, relative error {Say(scene.RmsError / scene.RmsExpected)}";
        if (scene.OnlyAfterTheFirstStep)
        {
            var weights = scene.Earlier.LastOrDefault(pair => pair.Shape.Length == 4 && AttentionWeights.From(pair.Expected) is not null);
            return new(ResemblanceKind.Cache, weights is not null && MixesHeads(scene)
                ? $"the attention weights ({Scene.Name(weights.Key)}) are right and what they are applied to is not: the cache holds or gives back other values than were put in ({figures})"
                : $"what the cache holds or gives back differs ({figures})");
        }

        if (scene.RightLater && scene.Expected.Shape.Length >= 2 && scene.Expected.Shape[^2] > 1 && MixesHeads(scene)
            && scene.Timeline.Where(t => t.Within && t.Pair.Key.Step > scene.Expected.Key.Step).All(t => t.Pair.Shape.Length >= 2 && t.Pair.Shape[^2] == 1))
        {
            return new(ResemblanceKind.Heads, $"wrong with several tokens, position 0 included, and right with one: heads and positions are transposed, as by a view or reshape without the transpose before it ({figures})");
        }

        return HasParameters(scene) && !MixesHeads(scene) && !scene.RightLater
            ? new(ResemblanceKind.Weights, $"other weights: what goes in is right, and no other order, factor or rounding explains what comes out ({figures})")
            : new(ResemblanceKind.Unclear, $"unclear: {figures}");
    }

    /// <summary>The rows with a number beyond the bound.</summary>
    private static List<int> WrongRows(Scene scene)
    {
        var rows = new List<int>();
        var bound = scene.Noise * 5;
        for (var row = 0; row < scene.Expected.Rows; row++)
        {
            var e = scene.Expected.Row(row);
            var a = scene.Actual.Row(row);
            for (var i = 0; i < e.Length; i++)
            {
                if (!(Math.Abs((double)a[i] - e[i]) <= bound * (scene.RmsExpected + Math.Abs(e[i]))))
                {
                    rows.Add(row);
                    break;
                }
            }
        }

        return rows;
    }

    private static int WrongCount(Scene scene)
    {
        var count = 0;
        var bound = scene.Noise * 5;
        for (var i = 0; i < scene.Expected.Values.Length; i++)
        {
            count += Math.Abs((double)scene.Actual.Values[i] - scene.Expected.Values[i]) <= bound * (scene.RmsExpected + Math.Abs(scene.Expected.Values[i])) ? 0 : 1;
        }

        return count;
    }

    // No column, row or factor carries much more of the error than it would of noise.
    private static bool IsWhite(Scene scene)
    {
        var (rows, columns) = (scene.Expected.Rows, scene.Expected.Columns);
        var error = Subtract(scene.Actual.Values, scene.Expected.Values);
        if (error.Length < 16)
        {
            return false;
        }

        var total = 0.0;
        var byColumn = new double[columns];
        var byRow = new double[rows];
        for (var i = 0; i < error.Length; i++)
        {
            total += (double)error[i] * error[i];
            byColumn[i % columns] += error[i];
            byRow[i / columns] += error[i];
        }

        var columnShare = byColumn.Sum(sum => sum * sum / rows) / total;
        var rowShare = byRow.Sum(sum => sum * sum / columns) / total;
        var (_, residual) = Fit(scene.Expected.Values, error);
        var explained = 1 - (residual * residual * error.Length / total);
        return (rows < 4 || columnShare < 0.7) && rowShare < 0.3 && explained < 0.3;
    }

    private static bool HasParameters(Scene scene)
    {
        var name = scene.Expected.Key.Module.Split('.')[^1];
        return scene.Type is "Linear" or "Embedding" or "Conv1D" or "LayerNorm"
            || (scene.Type.Length == 0 && (name.Contains("proj") || name.Contains("emb") || name.StartsWith("W_", StringComparison.Ordinal)
                || name.StartsWith("c_", StringComparison.Ordinal) || name.Contains("head") || name is "wte" or "wpe" || scene.Expected.Key.Module.EndsWith("layers.0", StringComparison.Ordinal)));
    }

    private static bool IsMatrix(Scene scene, string module) =>
        scene.Facts.Types.TryGetValue(module, out var type) ? type is "Linear" or "Conv1D"
            : module.Split('.')[^1] is var name && (name.StartsWith("W_", StringComparison.Ordinal) || name.StartsWith("c_", StringComparison.Ordinal) || name.Contains("proj"));

    // Before the first attention no output mixes positions.
    private static bool FollowsAttention(Scene scene) =>
        scene.Earlier.Select(pair => pair.Key.Module).Append(scene.Expected.Key.Module).Any(module => module.Contains("att", StringComparison.OrdinalIgnoreCase));

    // The projection after the attention weights, whose input is no module's output.
    private static bool MixesHeads(Scene scene) =>
        scene.Expected.Key.Module.Split('.')[^1] is "out_proj" or "c_proj" or "o_proj" or "dense"
        && scene.Expected.Key.Module.Contains("att", StringComparison.OrdinalIgnoreCase);
}
