using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>
/// Attention weights that differ: the mask, the order of heads and keys, the scale of the scores, the cache.
/// </summary>
internal static class AttentionProbe
{
    /// <summary>Compares recorded attention weights.</summary>
    public static Finding? Weights(Mismatch mismatch)
    {
        var expected = AttentionWeights.From(mismatch.Expected);
        var actual = AttentionWeights.From(mismatch.Actual);
        if (expected is null || actual is null)
        {
            return WrongSoftmaxDimension(mismatch, expected, actual);
        }

        return VisibilityProbe.Explain(mismatch, expected, actual)
            ?? HeadOrder(mismatch, expected, actual)
            ?? KeyOrder(mismatch, expected, actual)
            ?? ScoreScaleProbe.Explain(mismatch, expected, actual)
            ?? AttentionReplay.Explain(mismatch, expected, actual)
            ?? Uniform(mismatch, actual)
            ?? CachedKeys(mismatch, expected, actual);
    }

    /// <summary>
    /// Attention without recorded weights, as in fused kernels: a step's first query whose output is that of position 0
    /// saw the first key only.
    /// </summary>
    public static Finding? FirstKeyOnly(Mismatch mismatch)
    {
        var expected = mismatch.Expected;
        var first = mismatch.Timeline.FirstOrDefault(t => t.Pair.Key.Step == 0 && t.Within).Pair;
        if (mismatch.PastTokens == 0 || first is null || expected.Shape.Length < 2 || first.Shape.Length < 2
            || !expected.Key.Module.Contains("att", StringComparison.OrdinalIgnoreCase)
            || first.Expected.Columns != expected.Columns)
        {
            return null;
        }

        var (tokens, tokensOfFirst) = (expected.Tokens, first.Shape[^2]);
        for (var batch = 0; batch < expected.Rows / tokens; batch++)
        {
            if (batch * tokensOfFirst >= first.Expected.Rows
                || !mismatch.Equal(mismatch.Actual.Row(batch * tokens), first.Expected.Row(batch * tokensOfFirst)))
            {
                return null;
            }
        }

        return new AttentionFinding.FirstKeyOnly(mismatch.ActualSide, mismatch.PastTokens);
    }

    private static AttentionFinding? WrongSoftmaxDimension(
        Mismatch mismatch, AttentionWeights? expected, AttentionWeights? actual)
    {
        if ((expected is null) == (actual is null))
        {
            return null;
        }

        var (other, side) = expected is null
            ? (mismatch.Expected, mismatch.ExpectedSide)
            : (mismatch.Actual, mismatch.ActualSide);
        var dimension = AttentionWeights.SoftmaxDimension(other);
        return dimension == 0 ? null : new AttentionFinding.WrongSoftmaxDimension(side, OverHeads: dimension == 3);
    }

    private static AttentionFinding? HeadOrder(Mismatch mismatch, AttentionWeights expected, AttentionWeights actual)
    {
        var order = new int[expected.Heads];
        for (var head = 0; head < expected.Heads; head++)
        {
            order[head] = Array.FindIndex([.. Enumerable.Range(0, expected.Heads)], from => SameHead(head, from));
            if (order[head] < 0)
            {
                return null;
            }
        }

        return order.Distinct().Count() == order.Length
            ? new AttentionFinding.HeadsPermuted(mismatch.ActualSide, order)
            : null;

        bool SameHead(int head, int from)
        {
            for (var i = 0; i < expected.Batch * expected.Queries; i++)
            {
                var (batch, query) = (i / expected.Queries, i % expected.Queries);
                if (!mismatch.Equal(actual.Row(batch, head, query), expected.Row(batch, from, query)))
                {
                    return false;
                }
            }

            return true;
        }
    }

    private static AttentionFinding? KeyOrder(Mismatch mismatch, AttentionWeights expected, AttentionWeights actual) =>
        Permutation.OfColumns(mismatch, expected.Values, actual.Values, expected.Keys) is { } order
            ? new AttentionFinding.KeysPermuted(mismatch.ActualSide, order, Permutation.Turn(order))
            : null;

    private static AttentionFinding? Uniform(Mismatch mismatch, AttentionWeights actual)
    {
        for (var row = 0; row < actual.Rows; row++)
        {
            float least = 1, most = 0;
            foreach (var weight in actual.Row(row))
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

        return new AttentionFinding.AllKeysAlike(mismatch.ActualSide);
    }

    // A wrong key changes the other weights of its row by one common factor, which the query's own key shows.
    private static AttentionFinding? CachedKeys(
        Mismatch mismatch, AttentionWeights expected, AttentionWeights actual)
    {
        if (!mismatch.OnlyAfterTheFirstStep || mismatch.PastTokens == 0)
        {
            return null;
        }

        var wrong = new SortedSet<int>();
        var worst = 0.0;
        for (var row = 0; row < expected.Rows; row++)
        {
            var e = expected.Row(row);
            var a = actual.Row(row);
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
                if (off > 20 * mismatch.Noise)
                {
                    wrong.Add(k);
                }
            }
        }

        return wrong.Count == 0 || wrong.Max >= mismatch.PastTokens ? null
            : worst < 0.03 ? new AttentionFinding.CachedKeysRounded([.. wrong], worst)
            : new AttentionFinding.CachedKeysWrong([.. wrong]);
    }
}
