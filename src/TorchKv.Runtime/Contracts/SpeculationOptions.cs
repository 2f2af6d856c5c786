using System.Globalization;

namespace TorchKv.Runtime.Contracts;

/// <summary>
/// Speculative decoding: tokens are drafted, and the model verifies several of them in one step. The generated text
/// stays the same, token for token. Immutable.
/// </summary>
/// <remarks>
/// Each draft is compared with the token that the sampler chooses there, with the draw that belongs to that step; it is
/// accepted if they are equal. So sampled text is the plain one too, not only distributed like it (Leviathan et al.
/// 2023 keep the distribution), as far as the runner's logits do not depend on how rows are cut: bit for bit on the CPU
/// runner.
/// </remarks>
public sealed record SpeculationOptions
{
    /// <summary>The most that <see cref="MaxDraftTokens"/> may be.</summary>
    public const int MostDraftTokens = 64;

    /// <summary>The source of drafts.</summary>
    public DraftSource Source { get; init; } = DraftSource.PromptLookup;

    /// <summary>
    /// The most drafts a step. As many are verified as are worthwhile by the share of earlier drafts that was accepted
    /// and by the measured time of steps, often none.
    /// </summary>
    public int MaxDraftTokens { get; init; } = 16;

    /// <summary>How many tokens must read the same for prompt lookup to draft.</summary>
    public int MinMatch { get; init; } = 2;

    /// <summary>Checks every option.</summary>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    public void Validate()
    {
        if (MaxDraftTokens is < 1 or > MostDraftTokens)
        {
            throw new OptionException(
                "max_draft_tokens",
                MaxDraftTokens.ToString(CultureInfo.InvariantCulture),
                $"1 to {MostDraftTokens}");
        }

        if (MinMatch is < 1 or > 64)
        {
            throw new OptionException("min_match", MinMatch.ToString(CultureInfo.InvariantCulture), "1 to 64");
        }

        if (!Enum.IsDefined(Source))
        {
            throw new OptionException(
                "draft_source",
                ((int)Source).ToString(CultureInfo.InvariantCulture),
                "PromptLookup or DraftModel");
        }
    }
}
