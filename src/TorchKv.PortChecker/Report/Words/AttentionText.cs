using TorchKv.PortChecking.Findings;
using static TorchKv.PortChecking.Text.Figures;

namespace TorchKv.PortChecking.Report.Words;

/// <summary>The words for an <see cref="AttentionFinding"/>.</summary>
internal static class AttentionText
{
    private const int MostKeys = 12, MostOwners = 6;

    public static string Of(AttentionFinding finding) => finding switch
    {
        AttentionFinding.FirstKeyOnly of => $"earlier keys are lost: in {of.Side.Name()} the step's first query gives "
            + "what position 0 gave, so it sees the first key only; a causal flag aligns the mask top-left, and "
            + $"with {of.CachedTokens} tokens in the cache it must be aligned to the end (mask)",
        AttentionFinding.WrongSoftmaxDimension of => "a softmax over the wrong dimension: in "
            + $"{of.Side.Name()} the weights sum to one over the {(of.OverHeads ? "heads" : "queries")}, "
            + $"in {of.Side.Other().Name()} over the keys",
        AttentionFinding.MaskTopLeft of => $"earlier keys are lost: {of.Side.Name()}'s causal mask is aligned "
            + $"top-left, so that query i sees only the first i + 1 of {of.Keys} keys; "
            + $"with {of.CachedTokens} tokens in the cache it must be aligned to the end (mask)",
        AttentionFinding.NoMask of =>
            $"later keys are visible: {of.Side.Name()} has no causal mask, every query sees every key (mask)",
        AttentionFinding.LaterKeysVisible { HiddenByMistake: true } of => "later keys are visible in "
            + $"{of.Side.Name()}, up to {of.Furthest} positions ahead, and masked in {of.Side.Other().Name()} (mask)",
        AttentionFinding.LaterKeysVisible { Furthest: 1 } of => $"a later key is visible: in {of.Side.Name()} "
            + "each query sees the next token too; the mask is off by one",
        AttentionFinding.LaterKeysVisible of =>
            $"later keys are visible in {of.Side.Name()}, up to {of.Furthest} positions ahead (mask)",
        AttentionFinding.EarlierKeysHidden of => Of(of),
        AttentionFinding.HeadsPermuted of => $"heads are permuted: {of.Side.Name()}'s heads "
            + $"{string.Join(", ", Enumerable.Range(0, of.Order.Length))} are {of.Side.Other().Name()}'s "
            + string.Join(", ", of.Order),
        AttentionFinding.KeysPermuted { TurnedBy: { } by } => "the keys stand in another order: "
            + $"turned by {by}, as when new keys are put before the cached ones (cache)",
        AttentionFinding.KeysPermuted of => $"the keys stand in another order: {of.Side.Name()}'s keys are "
            + $"{of.Side.Other().Name()}'s {string.Join(", ", of.Order.Take(MostKeys))}"
            + $"{(of.Order.Length > MostKeys ? ", …" : "")} (cache)",
        AttentionFinding.ScoresScaled of => $"a constant factor on the attention scores: {of.Side.Name()}'s are "
            + $"{Say(of.Factor)} times {of.Side.Other().Name()}'s (attention scale){FactorText.Of(of.Meanings)}",
        AttentionFinding.ScoresScaledByHead of => "a constant factor on the attention scores of each head: "
            + $"{string.Join(", ", of.Factors.Select(Say))} (attention scale)",
        AttentionFinding.AllKeysAlike of => $"every key that is seen has the same weight in {of.Side.Name()}: "
            + "queries or keys are zero, as in a cache that was never filled (cache)",
        AttentionFinding.CachedKeysRounded of => "mere rounding of another dtype: the weights of cached keys "
            + $"(positions {Ranges(of.Positions)}) are off by at most {Say(of.Worst)} of themselves, "
            + "those of the new ones are not: a cache that keeps keys in fewer bits (cache)",
        AttentionFinding.CachedKeysWrong of => $"the scores of cached keys differ (positions {Ranges(of.Positions)}), "
            + "those of the new ones do not: the cache holds other keys than were put in (cache)",
        AttentionFinding.QueriesAndKeysExchanged of =>
            $"queries and keys are exchanged in {of.Side.Name()}: the scores are transposed",
        AttentionFinding.SplitWrongly of => Of(of),
        AttentionFinding.CachedKeysOfOthers of => Of(of),
        _ => throw new NotSupportedException($"{finding.GetType().Name} has no words."),
    };

    private static string Of(AttentionFinding.EarlierKeysHidden of)
    {
        var (blind, seeing) = (of.Side.Name(), of.Side.Other().Name());
        var keys = Of(of.Keys, blind, seeing);
        return of.ShownByMistake
            ? $"earlier keys are visible in {seeing} that {blind} masks: {keys} (mask or cache)"
            : $"earlier keys are lost: {keys} (mask or cache)";
    }

    private static string Of(HiddenKeys keys, string blind, string seeing)
    {
        var where = keys.BatchRows is { } rows ? $" in batch rows {Ranges(rows)} only, as for padding" : "";
        var (nearest, furthest) = (keys.Distances.Min(), keys.Distances.Max());
        if (nearest == 0 && furthest == 0)
        {
            return $"in {blind} a query does not see its own key, in {seeing} it does{where}; the mask is off by one";
        }

        if (nearest <= 0 || keys.Distances.Length != furthest - nearest + 1)
        {
            return $"{blind} does not see the keys at positions {Ranges(keys.Positions)} where {seeing} does{where}";
        }

        return nearest == furthest
            ? $"at the window's edge {blind} sees {nearest} keys and {seeing} {nearest + 1} "
                + $"(a window of {nearest} against {nearest + 1}){where}"
            : $"{blind} sees the last {nearest} keys only (a window of {nearest}), "
                + $"{seeing} up to {furthest + 1}{where}";
    }

    private static string Of(AttentionFinding.SplitWrongly of)
    {
        var which = of.Queries == of.Keys ? "queries and keys are"
            : of.Queries == HeadSplit.Right ? "keys are" : "queries are";
        return of.Queries == HeadSplit.HeadsLast || of.Keys == HeadSplit.HeadsLast
            ? $"heads are transposed: in {of.Side.Name()} {which} viewed as (tokens, head_dim, heads), "
                + $"in {of.Side.Other().Name()} as (tokens, heads, head_dim)"
            : $"heads and positions are transposed: in {of.Side.Name()} {which} viewed as (heads, tokens, head_dim) "
                + "without the transpose from (tokens, heads, head_dim)";
    }

    private static string Of(AttentionFinding.CachedKeysOfOthers of)
    {
        var keys = of.Keys;
        var owner = Array.TrueForAll(keys, key => key.Token is null) ? "zeros: slots that were never written"
            : Array.TrueForAll(keys, key => key.OtherLayer is not null)
                ? $"the keys of {keys[0].OtherLayer}: two layers share a cache"
            : Array.TrueForAll(keys, key => !key.OfSameRow) ? "the keys of another row of the batch"
            : keys.Select(key => key.Token).Distinct().Count() == 1 ? $"the key of token {keys[0].Token} every time"
            : "other tokens' keys: "
                + string.Join(", ", keys.Take(MostOwners).Select(key => $"{key.Position} holds {key.Token}"));
        var positions = Ranges(keys.Select(key => key.Position));
        return $"the cached keys at positions {positions} are not those that were put in; "
            + $"in {of.Side.Name()} they are {owner} (cache)";
    }
}
