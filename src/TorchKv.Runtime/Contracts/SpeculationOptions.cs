using TorchKv.Runtime.Speculation;

namespace TorchKv.Runtime.Contracts;

/// <summary>Speculative decoding: guesses that the model verifies several at a time. What is generated stays the same, token for token. Immutable.</summary>
/// <remarks>
/// Each guess is held against the token that the sampler chooses there, with the draw that belongs to that step; it stays if
/// they are equal. So sampled text is the plain one too, not only distributed like it (Leviathan et al. 2023 keep the
/// distribution), as far as the runner's logits do not depend on how rows are cut: bit for bit on the CPU runner.
/// </remarks>
public sealed record SpeculationOptions
{
    /// <summary>The most that <see cref="MaxDraftTokens"/> may be.</summary>
    public const int MostDraftTokens = 64;

    /// <summary>Where guesses come from.</summary>
    public DraftSource Source { get; init; } = DraftSource.PromptLookup;

    /// <summary>The most tokens to guess ahead. As many are tried as earlier guesses and the measured time of steps make worthwhile, often none.</summary>
    public int MaxDraftTokens { get; init; } = 16;

    /// <summary>How many tokens must read the same for prompt lookup to guess.</summary>
    public int MinMatch { get; init; } = 2;

    /// <summary>Throws where an option cannot be.</summary>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    public void Validate()
    {
        if (MaxDraftTokens is < 1 or > MostDraftTokens)
        {
            throw new OptionException("max_draft_tokens", MaxDraftTokens.ToString(System.Globalization.CultureInfo.InvariantCulture), $"1 to {MostDraftTokens}");
        }

        if (MinMatch is < 1 or > 64)
        {
            throw new OptionException("min_match", MinMatch.ToString(System.Globalization.CultureInfo.InvariantCulture), "1 to 64");
        }

        if (!Enum.IsDefined(Source))
        {
            throw new OptionException("draft_source", ((int)Source).ToString(System.Globalization.CultureInfo.InvariantCulture), "PromptLookup or DraftModel");
        }
    }
}
