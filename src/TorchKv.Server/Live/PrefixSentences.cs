using System.Globalization;
using TorchKv.Runtime.Contracts.Live;

namespace TorchKv.Server.Live;

/// <summary>Why a prompt is not cached, in a sentence.</summary>
internal static class PrefixSentences
{
    /// <summary>The sentence of a report.</summary>
    public static string Of(PrefixReport report)
    {
        var left = report.PromptTokens - report.HitTokens;
        return string.Create(CultureInfo.InvariantCulture, $"{Hit(report)} {Reason(report, left)}");
    }

    private static string Hit(PrefixReport report) => report.HitBlocks.Count switch
    {
        0 => "No block of the prompt is cached.",
        1 => $"1 block is cached: {report.HitTokens} of {report.PromptTokens} tokens.",
        var n => $"{n} blocks are cached: {report.HitTokens} of {report.PromptTokens} tokens.",
    };

    private static string Reason(PrefixReport report, int left) => report.Reason switch
    {
        PrefixReason.CachingOff => "Prefix caching is switched off.",
        PrefixReason.LessThanOneBlock =>
            $"What is left has {left} {Tokens(left)}, less than one block of {report.BlockSize}; only full blocks are "
            + "found again.",
        PrefixReason.LastTokenIsComputed =>
            "The last block is cached too, but the last token is always computed, because its logits give the next "
            + "token.",
        PrefixReason.DifferentToken =>
            $"Block {report.MissedBlock} differs from the nearest cached one at token {report.DifferingPosition}.",
        PrefixReason.OtherTenant =>
            $"Block {report.MissedBlock} is cached for another tenant, and tenants never share.",
        PrefixReason.Evicted =>
            $"Block {report.MissedBlock} was cached, and was evicted {report.EvictedMillisecondsAgo / 1000:0.0} "
            + "seconds ago.",
        _ => $"Block {report.MissedBlock} has not been computed before, or was evicted before the page was opened.",
    };

    private static string Tokens(int count) => count == 1 ? "token" : "tokens";
}
