using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Which keys a query sees: masks that are missing, misplaced or too wide, and windows.</summary>
internal static class VisibilityProbe
{
    /// <summary>Compares which attention weights are zero.</summary>
    public static Finding? Explain(Mismatch mismatch, AttentionWeights expected, AttentionWeights actual)
    {
        // If one side has a causal mask and the other has not, the other is wrong.
        var actualIsRight = IsCausal(mismatch, actual) && !IsCausal(mismatch, expected);
        return actualIsRight
            ? Explain(mismatch, mismatch.ExpectedSide, wrong: expected, right: actual)
            : Explain(mismatch, mismatch.ActualSide, wrong: actual, right: expected);
    }

    private static AttentionFinding? Explain(
        Mismatch mismatch, Side side, AttentionWeights wrong, AttentionWeights right)
    {
        var shown = new KeySet();
        var hidden = new KeySet();
        bool isTopLeft = true, everythingIsSeen = true;
        for (var row = 0; row < right.Rows; row++)
        {
            var query = row % right.Queries;
            var head = row / right.Queries % right.Heads;
            var batch = row / right.Queries / right.Heads;
            for (var key = 0; key < right.Keys; key++)
            {
                var sees = wrong.Sees(batch, head, query, key);
                everythingIsSeen &= sees;
                isTopLeft &= sees == (key <= query);
                if (sees != right.Sees(batch, head, query, key))
                {
                    (sees ? shown : hidden).Add(batch, mismatch.PastTokens + query, FirstKey(mismatch, right) + key);
                }
            }
        }

        return shown.Count + hidden.Count == 0 ? null
            : isTopLeft && mismatch.PastTokens > 0 && hidden.Count > 0
                ? new AttentionFinding.MaskTopLeft(side, right.Keys, mismatch.PastTokens)
            : shown.FurthestLater > 0 && everythingIsSeen ? new AttentionFinding.NoMask(side)
            : shown.FurthestLater > 0
                ? new AttentionFinding.LaterKeysVisible(side, shown.FurthestLater, HiddenByMistake: false)
            : hidden.FurthestLater > 0
                ? new AttentionFinding.LaterKeysVisible(side.Other(), hidden.FurthestLater, HiddenByMistake: true)
            : hidden.Count > 0
                ? new AttentionFinding.EarlierKeysHidden(side, hidden.ToHiddenKeys(right.Batch), ShownByMistake: false)
            : new AttentionFinding.EarlierKeysHidden(
                side.Other(), shown.ToHiddenKeys(right.Batch), ShownByMistake: true);
    }

    private static bool IsCausal(Mismatch mismatch, AttentionWeights weights)
    {
        var first = FirstKey(mismatch, weights);
        for (var row = 0; row < weights.Rows; row++)
        {
            if (!weights.IsCausal(row, mismatch.PastTokens + (row % weights.Queries) - first))
            {
                return false;
            }
        }

        return true;
    }

    // The first key's position: with fewer keys than tokens, they are the last ones.
    private static int FirstKey(Mismatch mismatch, AttentionWeights weights) =>
        mismatch.PastTokens + weights.Queries - weights.Keys;

    /// <summary>Keys that one side sees and the other does not.</summary>
    private sealed class KeySet
    {
        private readonly SortedSet<int> _distances = [];
        private readonly SortedSet<int> _positions = [];
        private readonly SortedSet<int> _batchRows = [];

        public int Count { get; private set; }

        /// <summary>How far after its query the furthest key is; 0 where none is after its query.</summary>
        public int FurthestLater { get; private set; }

        public void Add(int batchRow, int query, int key)
        {
            Count++;
            FurthestLater = Math.Max(FurthestLater, key - query);
            _distances.Add(query - key);
            _positions.Add(key);
            _batchRows.Add(batchRow);
        }

        public HiddenKeys ToHiddenKeys(int batch) => new(
            [.. _positions], [.. _distances], batch > 1 && _batchRows.Count < batch ? [.. _batchRows] : null);
    }
}
