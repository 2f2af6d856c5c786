using TorchKv.Runtime.Contracts.Live;
using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Serving.Live;

/// <summary>Says why the prefix cache does not have more of a prompt.</summary>
internal static class PrefixExplanation
{
    /// <summary>Explains a prompt.</summary>
    /// <param name="blocks">The engine's blocks.</param>
    /// <param name="prompt">The prompt's tokens.</param>
    /// <param name="salt">The salt of its request.</param>
    /// <param name="time">Tells how long ago a block was evicted.</param>
    public static PrefixReport Of(KvBlocks blocks, int[] prompt, string? salt, TimeProvider time)
    {
        var size = blocks.BlockSize;
        if (blocks.Pool.Prefixes is not { } index)
        {
            return new PrefixReport
            {
                BlockSize = size,
                PromptTokens = prompt.Length,
                HitBlocks = [],
                Reason = PrefixReason.CachingOff,
                Tokens = prompt[..Math.Min(size, prompt.Length)],
            };
        }

        var search = new PrefixSearch(index, prompt, PrefixRoot.Of(salt));

        // The last token is always computed, so a prompt that ends with a block does not take that block.
        var usable = Math.Min(search.Blocks.Count, (prompt.Length - 1) / size);
        var start = usable * size;
        var report = new PrefixReport
        {
            BlockSize = size,
            PromptTokens = prompt.Length,
            HitBlocks = [.. search.Blocks.Take(usable)],
            Reason = PrefixReason.LessThanOneBlock,
            Tokens = prompt[start..Math.Min(start + size, prompt.Length)],
        };
        return usable < search.Blocks.Count ? report with { Reason = PrefixReason.LastTokenIsComputed }
            : search.HasNext ? OfBlock(report, search, index, time)
            : report;
    }

    /// <summary>Explains a whole block that is not cached.</summary>
    private static PrefixReport OfBlock(PrefixReport report, PrefixSearch search, PrefixIndex index, TimeProvider time)
    {
        if (search.Nearest() is { } nearest)
        {
            report = report with
            {
                NearestBlock = nearest.Block,
                NearestTokens = index.TokensOf(nearest.Block),
                DifferingPosition = (report.MissedBlock * report.BlockSize) + nearest.Common,
            };
        }

        if (index.Evictions?.Find(search.MissedDigest.Fingerprint, search.Next) is { } evicted)
        {
            return report with
            {
                Reason = PrefixReason.Evicted,
                EvictedMillisecondsAgo = time.GetElapsedTime(evicted).TotalMilliseconds,
            };
        }

        return search.IsKnownToOthers() ? report with { Reason = PrefixReason.OtherTenant }
            : report.NearestBlock is not null ? report with { Reason = PrefixReason.DifferentToken }
            : report with { Reason = PrefixReason.NeverComputed };
    }
}
