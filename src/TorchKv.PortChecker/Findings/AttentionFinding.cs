namespace TorchKv.PortChecking.Findings;

/// <summary>A difference in attention weights, (batch, heads, queries, keys).</summary>
internal abstract record AttentionFinding : Finding
{
    /// <summary>A step's first query sees the first key only.</summary>
    public sealed record FirstKeyOnly(Side Side, int CachedTokens) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Mask;
    }

    /// <summary>One side's weights sum to one over another dimension than the keys.</summary>
    /// <param name="Side">The side with the wrong dimension.</param>
    /// <param name="OverHeads">Over the heads; else over the queries.</param>
    public sealed record WrongSoftmaxDimension(Side Side, bool OverHeads) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Transposed;
    }

    /// <summary>The causal mask is aligned at the top left, although there are cached tokens.</summary>
    public sealed record MaskTopLeft(Side Side, int Keys, int CachedTokens) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Mask;
    }

    /// <summary>Every query sees every key.</summary>
    public sealed record NoMask(Side Side) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Mask;
    }

    /// <summary>Later keys are visible.</summary>
    /// <param name="Side">The side that sees them.</param>
    /// <param name="Furthest">How many positions ahead the furthest is.</param>
    /// <param name="HiddenByMistake">Whether the mistake is that the other side masks them.</param>
    public sealed record LaterKeysVisible(Side Side, int Furthest, bool HiddenByMistake) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Mask;
    }

    /// <summary>Earlier keys are hidden from one side.</summary>
    /// <param name="Side">The side that does not see them.</param>
    /// <param name="Keys">Which keys.</param>
    /// <param name="ShownByMistake">Whether the mistake is that the other side sees them.</param>
    public sealed record EarlierKeysHidden(Side Side, HiddenKeys Keys, bool ShownByMistake) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Mask;
    }

    /// <summary>Heads stand in another order.</summary>
    public sealed record HeadsPermuted(Side Side, int[] Order) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Heads;
    }

    /// <summary>Keys stand in another order.</summary>
    /// <param name="Side">The side whose keys moved.</param>
    /// <param name="Order">For each key the other side's.</param>
    /// <param name="TurnedBy">
    /// The number of places by which all moved round the end; null where that is not the order.
    /// </param>
    public sealed record KeysPermuted(Side Side, int[] Order, int? TurnedBy) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Cache;
    }

    /// <summary>All attention scores are multiplied by one factor.</summary>
    public sealed record ScoresScaled(Side Side, double Factor, FactorMeaning[] Meanings) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.ConstantFactor;
    }

    /// <summary>The scores of each head are multiplied by a factor of their own.</summary>
    public sealed record ScoresScaledByHead(double[] Factors) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.ConstantFactor;
    }

    /// <summary>All visible keys have the same weight.</summary>
    public sealed record AllKeysAlike(Side Side) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Zeros;
    }

    /// <summary>The weights of cached keys are off by a little, those of new keys are right.</summary>
    /// <param name="Positions">The cached keys' positions.</param>
    /// <param name="Worst">The largest relative error.</param>
    public sealed record CachedKeysRounded(int[] Positions, double Worst) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Rounding;
    }

    /// <summary>The weights of cached keys are wrong, those of new keys are right.</summary>
    public sealed record CachedKeysWrong(int[] Positions) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Cache;
    }

    /// <summary>Queries and keys are exchanged.</summary>
    public sealed record QueriesAndKeysExchanged(Side Side) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Transposed;
    }

    /// <summary>Queries or keys are split into heads in another way.</summary>
    public sealed record SplitWrongly(Side Side, HeadSplit Queries, HeadSplit Keys) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Heads;
    }

    /// <summary>The cache gave other keys than were put in.</summary>
    /// <param name="Side">The side with the wrong keys.</param>
    /// <param name="Keys">Whose key was found at each position.</param>
    public sealed record CachedKeysOfOthers(Side Side, FoundKey[] Keys) : AttentionFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Cache;
    }
}
