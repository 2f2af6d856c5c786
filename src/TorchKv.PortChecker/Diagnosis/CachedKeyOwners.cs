using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>
/// Finds whose key a cache gave back at each position: another token's, batch row's or layer's, or zeros.
/// </summary>
internal static class CachedKeyOwners
{
    private const int MostLayers = 256;

    /// <summary>The positions with a wrong key; null where fewer than half of all keys were recognised.</summary>
    public static Finding? Find(Mismatch mismatch, QueriesAndKeys parts, AttentionWeights weights, Side side)
    {
        var candidates = Candidates(mismatch, parts);
        var found = new List<FoundKey>();
        for (var batch = 0; batch < weights.Batch; batch++)
        {
            for (var position = 0; position < mismatch.PastTokens; position++)
            {
                if (Find(mismatch, parts, weights, candidates, batch, position) is { } owner)
                {
                    found.Add(new(position, owner.Token, owner.IsOf(batch), owner.OtherLayer));
                }
            }
        }

        FoundKey[] wrong = [.. found.Where(key => !key.IsRight)];
        return found.Count * 2 < weights.Batch * mismatch.PastTokens || wrong.Length == 0
            ? null
            : new AttentionFinding.CachedKeysOfOthers(side, wrong);
    }

    private static Candidate? Find(
        Mismatch mismatch, QueriesAndKeys parts, AttentionWeights weights, List<Candidate> candidates, int batch,
        int position)
    {
        // The right owner first, so that a right key is not taken for another that is equal.
        foreach (var candidate in candidates.OrderByDescending(c => c.IsRight(batch, position)))
        {
            if (Fits(mismatch, parts, weights, candidate, batch, position))
            {
                return candidate;
            }
        }

        return null;
    }

    // The logarithm of the ratio of two weights is the difference of their scores. The query's own key is known.
    private static bool Fits(
        Mismatch mismatch, QueriesAndKeys parts, AttentionWeights weights, Candidate candidate, int batch, int position)
    {
        var (queries, newest) = (parts.Queries, parts.Keys[^1]);
        var compared = 0;
        for (var head = 0; head < weights.Heads; head++)
        {
            for (var q = 0; q < weights.Queries; q++)
            {
                var weight = weights[batch, head, q, position];
                var ownWeight = weights[batch, head, q, mismatch.PastTokens + q];
                if (weight < 1e-6f || ownWeight < 1e-6f)
                {
                    continue;
                }

                double score = 0;
                for (var i = 0; i < queries.HeadDim; i++)
                {
                    var query = queries.At(HeadSplit.Right, batch, head, q, i);
                    var own = newest.At(HeadSplit.Right, batch, head, q, i);
                    score += query * (candidate.At(head, i) - (double)own);
                }

                var recorded = Math.Log(weight / (double)ownWeight);
                if (!(Math.Abs((score / Math.Sqrt(queries.HeadDim)) - recorded) < 1e-3))
                {
                    return false;
                }

                compared++;
            }
        }

        return compared > 1;
    }

    private static List<Candidate> Candidates(Mismatch mismatch, QueriesAndKeys parts)
    {
        var candidates = new List<Candidate>();
        var own = parts.Keys[^1];
        Add(parts.Keys, null);
        foreach (var layer in OtherLayers(mismatch, own.Module))
        {
            var keys = mismatch.History(layer).Where(pair => pair.Shape.Length >= 2)
                .Select(pair => own with { Module = layer, From = pair.Expected });
            Add(keys, layer);
        }

        candidates.Add(new(null, 0, 0, null, null));
        return candidates;

        void Add(IEnumerable<ProjectedRows> keys, string? layer)
        {
            var before = 0;
            foreach (var rows in keys)
            {
                for (var i = 0; i < rows.Batch * rows.Tokens; i++)
                {
                    var (batch, token) = (i / rows.Tokens, i % rows.Tokens);
                    candidates.Add(new(rows, batch, token, before + token, layer));
                }

                before += rows.Tokens;
            }
        }
    }

    // The same module in the other blocks: the first number in its name is the block's.
    private static IEnumerable<string> OtherLayers(Mismatch mismatch, string module)
    {
        var parts = module.Split('.');
        var at = Array.FindIndex(parts, part => int.TryParse(part, out _));
        for (var layer = 0; at >= 0 && layer < MostLayers; layer++)
        {
            var other = string.Join('.', parts.Select((part, i) => i == at ? $"{layer}" : part));
            if (other == module)
            {
                continue;
            }

            if (mismatch.History(other).Count == 0)
            {
                yield break;
            }

            yield return other;
        }
    }

    /// <summary>A key that the cache may have given back.</summary>
    /// <param name="Keys">The keys of the step in which it was computed; null for zeros.</param>
    /// <param name="Batch">Its batch row.</param>
    /// <param name="Row">Its token, counted from the step's first.</param>
    /// <param name="Token">Its token's position; null for zeros.</param>
    /// <param name="OtherLayer">The module that computed it; null for this layer's.</param>
    private sealed record Candidate(ProjectedRows? Keys, int Batch, int Row, int? Token, string? OtherLayer)
    {
        public float At(int head, int i) => Keys?.At(HeadSplit.Right, Batch, head, Row, i) ?? 0;

        // Zeros count as of every batch row, so that only the missing token is reported.
        public bool IsOf(int batch) => Keys is null || Batch == batch;

        public bool IsRight(int batch, int position) => IsOf(batch) && OtherLayer is null && Token == position;
    }
}
