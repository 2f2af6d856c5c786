using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>
/// Computes attention weights again from the recorded queries and keys, under several hypotheses of how they were split
/// into heads and whose keys the cache gave back.
/// </summary>
internal static class AttentionReplay
{
    private static readonly (HeadSplit Queries, HeadSplit Keys)[] s_wrongSplits =
    [
        (HeadSplit.WithoutTranspose, HeadSplit.WithoutTranspose),
        (HeadSplit.Right, HeadSplit.WithoutTranspose),
        (HeadSplit.WithoutTranspose, HeadSplit.Right),
        (HeadSplit.HeadsLast, HeadSplit.HeadsLast),
        (HeadSplit.Right, HeadSplit.HeadsLast),
        (HeadSplit.HeadsLast, HeadSplit.Right),
    ];

    /// <summary>Finds how the wrong weights come from the right queries and keys.</summary>
    public static Finding? Explain(Mismatch mismatch, AttentionWeights expected, AttentionWeights actual)
    {
        if (QueriesAndKeys.Find(mismatch, expected) is not { } parts)
        {
            return null;
        }

        var expectedIsRight = Gives(parts, HeadSplit.Right, HeadSplit.Right, expected);
        if (expectedIsRight == Gives(parts, HeadSplit.Right, HeadSplit.Right, actual))
        {
            return null;
        }

        var (wrong, side) = expectedIsRight ? (actual, mismatch.ActualSide) : (expected, mismatch.ExpectedSide);
        if (parts.Keys is [var keys] && Gives(new(keys, [parts.Queries]), HeadSplit.Right, HeadSplit.Right, wrong))
        {
            return new AttentionFinding.QueriesAndKeysExchanged(side);
        }

        foreach (var (queries, ofKeys) in s_wrongSplits)
        {
            if (Gives(parts, queries, ofKeys, wrong))
            {
                return new AttentionFinding.SplitWrongly(side, queries, ofKeys);
            }
        }

        return mismatch.PastTokens > 0 ? CachedKeyOwners.Find(mismatch, parts, wrong, side) : null;
    }

    private static bool Gives(QueriesAndKeys parts, HeadSplit queries, HeadSplit keys, AttentionWeights weights)
    {
        var scores = new double[weights.Keys];
        for (var row = 0; row < weights.Rows; row++)
        {
            var token = row % weights.Queries;
            var head = row / weights.Queries % weights.Heads;
            var batch = row / weights.Queries / weights.Heads;
            Score(parts, queries, keys, batch, head, token, scores);
            Softmax(scores, key => weights.Sees(batch, head, token, key));
            var recorded = weights.Row(row);
            for (var key = 0; key < scores.Length; key++)
            {
                if (!(Math.Abs((float)scores[key] - recorded[key]) <= 2e-4f))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static void Score(
        QueriesAndKeys parts, HeadSplit queries, HeadSplit keys, int batch, int head, int token, double[] scores)
    {
        var q = parts.Queries;
        var next = 0;
        foreach (var k in parts.Keys)
        {
            for (var s = 0; s < k.Tokens && next < scores.Length; s++)
            {
                double score = 0;
                for (var i = 0; i < q.HeadDim; i++)
                {
                    score += (double)q.At(queries, batch, head, token, i) * k.At(keys, batch, head, s, i);
                }

                scores[next++] = score / Math.Sqrt(q.HeadDim);
            }
        }
    }

    // Over the keys that the query sees.
    private static void Softmax(double[] scores, Func<int, bool> sees)
    {
        double most = double.NegativeInfinity, sum = 0;
        for (var j = 0; j < scores.Length; j++)
        {
            most = sees(j) ? Math.Max(most, scores[j]) : most;
        }

        for (var j = 0; j < scores.Length; j++)
        {
            scores[j] = sees(j) ? Math.Exp(scores[j] - most) : 0;
            sum += scores[j];
        }

        for (var j = 0; j < scores.Length; j++)
        {
            scores[j] = sum == 0 ? 0 : scores[j] / sum;
        }
    }
}
