using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Kernels;
using static TorchKv.PortChecking.Diagnosis.Numbers;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Attention weights that differ: who sees which key, by what factor the scores differ, whose key stands where.</summary>
internal static class AttentionProbe
{
    public static Resemblance? Weights(Scene scene)
    {
        var (expected, actual) = (AttentionWeights.From(scene.Expected), AttentionWeights.From(scene.Actual));
        if (expected is null || actual is null)
        {
            return Softmax(scene, expected, actual);
        }

        return (IsCausal(scene, actual) && !IsCausal(scene, expected) ? Visibility(scene.Mirror(), actual, expected) : Visibility(scene, expected, actual))
            ?? HeadOrder(scene, expected, actual)
            ?? KeyOrder(scene, expected, actual)
            ?? Scale(scene, expected, actual)
            ?? AttentionReplay.Explain(scene, expected, actual)
            ?? Uniform(scene, expected, actual)
            ?? Keys(scene, expected, actual);
    }

    /// <summary>
    /// Attention whose weights were not recorded, as in fused kernels: a step's first query that gives what position 0 gave saw the
    /// first key only.
    /// </summary>
    public static Resemblance? FirstKeyOnly(Scene scene)
    {
        var first = scene.Timeline.FirstOrDefault(t => t.Pair.Key.Step == 0 && t.Within).Pair;
        if (scene.PastTokens == 0 || first is null || scene.Expected.Shape.Length < 2 || first.Shape.Length < 2
            || !scene.Expected.Key.Module.Contains("att", StringComparison.OrdinalIgnoreCase) || first.Expected.Columns != scene.Expected.Columns)
        {
            return null;
        }

        var (tokens, tokensOfFirst) = (scene.Expected.Shape[^2], first.Shape[^2]);
        for (var batch = 0; batch < scene.Expected.Rows / tokens; batch++)
        {
            if (batch * tokensOfFirst >= first.Expected.Rows || !scene.Equal(scene.Actual.Row(batch * tokens), first.Expected.Row(batch * tokensOfFirst)))
            {
                return null;
            }
        }

        return new(ResemblanceKind.Mask, $"earlier keys are lost: in {scene.Port} the step's first query gives what position 0 gave, so it sees the first key only; a causal flag aligns the mask top-left, and with {scene.PastTokens} tokens in the cache it must be aligned to the end (mask)");
    }

    private static Resemblance? Softmax(Scene scene, AttentionWeights? expected, AttentionWeights? actual)
    {
        if ((expected is null) == (actual is null))
        {
            return null;
        }

        var (other, side, otherSide) = expected is null ? (scene.Expected, scene.Original, scene.Port) : (scene.Actual, scene.Port, scene.Original);
        return AttentionWeights.SoftmaxDimension(other) switch
        {
            2 => new(ResemblanceKind.Transposed, $"a softmax over the wrong dimension: in {side} the weights sum to one over the queries, in {otherSide} over the keys"),
            3 => new(ResemblanceKind.Transposed, $"a softmax over the wrong dimension: in {side} the weights sum to one over the heads, in {otherSide} over the keys"),
            _ => null,
        };
    }

    // Every query sees its own key and all earlier ones, and no later one: then what is odd is the other side.
    private static bool IsCausal(Scene scene, AttentionWeights weights)
    {
        var firstKey = scene.PastTokens + weights.Queries - weights.Keys;
        for (var row = 0; row < weights.Batch * weights.Heads * weights.Queries; row++)
        {
            var position = scene.PastTokens + (row % weights.Queries);
            for (var k = 0; k < weights.Keys; k++)
            {
                if ((weights.Values[(row * weights.Keys) + k] > 1e-9f) != (firstKey + k <= position))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static Resemblance? Visibility(Scene scene, AttentionWeights expected, AttentionWeights actual)
    {
        // A window that keeps fewer keys than there were tokens holds the last ones.
        var firstKey = scene.PastTokens + expected.Queries - expected.Keys;
        var port = new Sight();
        var original = new Sight();
        bool topLeft = true, everythingSeen = true;
        for (var b = 0; b < expected.Batch; b++)
        {
            for (var h = 0; h < expected.Heads; h++)
            {
                for (var q = 0; q < expected.Queries; q++)
                {
                    var position = scene.PastTokens + q;
                    for (var k = 0; k < expected.Keys; k++)
                    {
                        var (e, a) = (expected.Sees(b, h, q, k), actual.Sees(b, h, q, k));
                        everythingSeen &= a;
                        topLeft &= a == (k <= q);
                        if (a != e)
                        {
                            (a ? port : original).Note(b, position, firstKey + k);
                        }
                    }
                }
            }
        }

        if (port.Count + original.Count == 0)
        {
            return null;
        }

        string text;
        if (topLeft && scene.PastTokens > 0 && original.Count > 0)
        {
            text = $"earlier keys are lost: {scene.Port}'s causal mask is aligned top-left, so that query i sees only the first i + 1 of {expected.Keys} keys; with {scene.PastTokens} tokens in the cache it must be aligned to the end (mask)";
        }
        else if (port.Later > 0)
        {
            text = everythingSeen
                ? $"later keys are visible: {scene.Port} has no causal mask, every query sees every key (mask)"
                : port.FurthestLater == 1
                    ? $"a later key is visible: in {scene.Port} each query sees the next token too; the mask is off by one"
                    : $"later keys are visible in {scene.Port}, up to {port.FurthestLater} positions ahead (mask)";
        }
        else if (original.Later > 0)
        {
            text = $"later keys are visible in {scene.Original}, up to {original.FurthestLater} positions ahead, and masked in {scene.Port} (mask)";
        }
        else if (original.Count > 0)
        {
            text = $"earlier keys are lost: {original.Describe(scene.Port, scene.Original, expected)} (mask or cache)";
        }
        else
        {
            text = $"earlier keys are visible in {scene.Port} that {scene.Original} masks: {port.Describe(scene.Original, scene.Port, expected)} (mask or cache)";
        }

        return new(ResemblanceKind.Mask, text);
    }

    private static Resemblance? HeadOrder(Scene scene, AttentionWeights expected, AttentionWeights actual)
    {
        var order = new int[expected.Heads];
        for (var head = 0; head < expected.Heads; head++)
        {
            order[head] = -1;
            for (var from = 0; from < expected.Heads && order[head] < 0; from++)
            {
                var same = true;
                for (var b = 0; same && b < expected.Batch; b++)
                {
                    for (var q = 0; same && q < expected.Queries; q++)
                    {
                        same = scene.Equal(actual.Row(b, head, q), expected.Row(b, from, q));
                    }
                }

                order[head] = same ? from : -1;
            }

            if (order[head] < 0)
            {
                return null;
            }
        }

        return order.Distinct().Count() == order.Length
            ? new(ResemblanceKind.Heads, $"heads are permuted: {scene.Port}'s heads {string.Join(", ", Enumerable.Range(0, order.Length))} are {scene.Original}'s {string.Join(", ", order)}")
            : null;
    }

    private static Resemblance? KeyOrder(Scene scene, AttentionWeights expected, AttentionWeights actual)
    {
        var order = Permutation.OfColumns(scene, expected.Values, actual.Values, expected.Keys);
        if (order is null)
        {
            return null;
        }

        var turn = Permutation.Turn(order);
        return turn is { } n
            ? new(ResemblanceKind.Cache, $"the keys stand in another order: turned by {n}, as when new keys are put before the cached ones (cache)")
            : new(ResemblanceKind.Cache, $"the keys stand in another order: {scene.Port}'s keys are {scene.Original}'s {string.Join(", ", order.Take(12))}{(order.Length > 12 ? ", …" : "")} (cache)");
    }

    /// <summary>log w = s·score − log Z: within a row, the logarithms' deviations from their mean are in the ratio of the scales.</summary>
    private static Resemblance? Scale(Scene scene, AttentionWeights expected, AttentionWeights actual)
    {
        var rows = expected.Batch * expected.Heads * expected.Queries;
        var x = new List<float>();
        var y = new List<float>();
        var byHead = Enumerable.Range(0, expected.Heads).Select(_ => (X: new List<float>(), Y: new List<float>())).ToArray();
        for (var row = 0; row < rows; row++)
        {
            var (head, query) = (row / expected.Queries % expected.Heads, row % expected.Queries);
            var batch = row / expected.Queries / expected.Heads;
            var e = expected.Row(batch, head, query);
            var a = actual.Row(batch, head, query);
            double meanE = 0, meanA = 0;
            var seen = 0;
            for (var k = 0; k < e.Length; k++)
            {
                if (e[k] > 1e-6f && a[k] > 1e-6f)
                {
                    meanE += Math.Log(e[k]);
                    meanA += Math.Log(a[k]);
                    seen++;
                }
            }

            for (var k = 0; k < e.Length; k++)
            {
                if (e[k] > 1e-6f && a[k] > 1e-6f && seen > 1)
                {
                    var (dx, dy) = ((float)(Math.Log(e[k]) - (meanE / seen)), (float)(Math.Log(a[k]) - (meanA / seen)));
                    x.Add(dx);
                    y.Add(dy);
                    byHead[head].X.Add(dx);
                    byHead[head].Y.Add(dy);
                }
            }
        }

        if (x.Count < 6)
        {
            return null;
        }

        if (Slope(x, y) is { } factor)
        {
            return new(ResemblanceKind.ConstantFactor, $"a constant factor on the attention scores: {scene.Port}'s are {Say(factor)} times {scene.Original}'s (attention scale){FactorProbe.Meaning(scene, factor)}");
        }

        var slopes = byHead.Select(head => Slope(head.X, head.Y)).ToArray();
        return Array.TrueForAll(slopes, slope => slope is not null)
            ? new(ResemblanceKind.ConstantFactor, $"a constant factor on the attention scores of each head: {string.Join(", ", slopes.Select(slope => Say(slope!.Value)))} (attention scale)")
            : null;

        double? Slope(List<float> of, List<float> to)
        {
            var (slope, residual) = Fit([.. of], [.. to]);
            var difference = RmsDifference([.. of], [.. to]);
            return slope != 0 && residual <= Math.Max(difference / 50, scene.Noise * 4) && residual <= difference / 4 ? slope : null;
        }
    }

    private static Resemblance? Uniform(Scene scene, AttentionWeights expected, AttentionWeights actual)
    {
        for (var row = 0; row < expected.Batch * expected.Heads * expected.Queries; row++)
        {
            var weights = actual.Values.AsSpan(row * actual.Keys, actual.Keys);
            float least = 1, most = 0;
            foreach (var weight in weights)
            {
                if (weight > 0)
                {
                    (least, most) = (Math.Min(least, weight), Math.Max(most, weight));
                }
            }

            if (most - least > 1e-4f * most)
            {
                return null;
            }
        }

        return new(ResemblanceKind.Zeros, $"every key that is seen has the same weight in {scene.Port}: queries or keys are zero, as in a cache that was never filled (cache)");
    }

    private static Resemblance? Keys(Scene scene, AttentionWeights expected, AttentionWeights actual)
    {
        if (!scene.OnlyAfterTheFirstStep || scene.PastTokens == 0)
        {
            return null;
        }

        // Keys whose weight changed by the row's common factor are right; the others are not what they were.
        var wrong = new SortedSet<int>();
        var worst = 0.0;
        for (var row = 0; row < expected.Batch * expected.Heads * expected.Queries; row++)
        {
            var e = expected.Values.AsSpan(row * expected.Keys, expected.Keys);
            var a = actual.Values.AsSpan(row * expected.Keys, expected.Keys);
            var own = expected.Keys - expected.Queries + (row % expected.Queries);
            if (!(e[own] > 1e-6f && a[own] > 1e-6f))
            {
                return null;
            }

            var common = a[own] / (double)e[own];
            for (var k = 0; k < e.Length; k++)
            {
                var off = e[k] > 1e-6f ? Math.Abs((a[k] / (e[k] * common)) - 1) : 0;
                worst = Math.Max(worst, off);
                if (off > 20 * scene.Noise)
                {
                    wrong.Add(k);
                }
            }
        }

        return wrong.Count == 0 || wrong.Max >= scene.PastTokens ? null
            : worst < 0.03
            ? new(ResemblanceKind.Rounding, $"mere rounding of another dtype: the weights of cached keys (positions {Ranges(wrong)}) are off by at most {Say(worst)} of themselves, those of the new ones are not: a cache that keeps keys in fewer bits (cache)")
            : new(ResemblanceKind.Cache, $"the scores of cached keys differ (positions {Ranges(wrong)}), those of the new ones do not: the cache holds other keys than were put in (cache)");
    }

    /// <summary>Keys that one side sees and the other does not.</summary>
    private sealed class Sight
    {
        private readonly HashSet<int> distances = [];
        private readonly HashSet<int> keys = [];
        private readonly HashSet<int> batches = [];

        public int Count { get; private set; }

        public int Later { get; private set; }

        public int FurthestLater { get; private set; }

        public void Note(int batch, int position, int key)
        {
            Count++;
            if (key > position)
            {
                Later++;
                FurthestLater = Math.Max(FurthestLater, key - position);
            }

            distances.Add(position - key);
            keys.Add(key);
            batches.Add(batch);
        }

        /// <summary>Earlier keys that <paramref name="blind"/> does not see and <paramref name="seeing"/> does.</summary>
        public string Describe(string blind, string seeing, AttentionWeights weights)
        {
            var where = weights.Batch > 1 && batches.Count < weights.Batch ? $" in batch rows {Ranges(batches)} only, as for padding" : "";
            if (distances.Count == 1 && distances.First() == 0)
            {
                return $"in {blind} a query does not see its own key, in {seeing} it does{where}; the mask is off by one";
            }

            var nearest = distances.Min();
            if (nearest > 0 && distances.Count == distances.Max() - nearest + 1)
            {
                return distances.Count == 1
                    ? $"at the window's edge {blind} sees {nearest} keys and {seeing} {nearest + 1} (a window of {nearest} against {nearest + 1}){where}"
                    : $"{blind} sees the last {nearest} keys only (a window of {nearest}), {seeing} up to {distances.Max() + 1}{where}";
            }

            return $"{blind} does not see the keys at positions {Ranges(keys)} where {seeing} does{where}";
        }
    }
}
