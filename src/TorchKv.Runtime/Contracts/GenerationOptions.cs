namespace TorchKv.Runtime.Contracts;

/// <summary>What one request asks for: how its tokens are chosen, and when it ends. Immutable.</summary>
/// <remarks>
/// The names and meanings are HuggingFace <c>GenerationConfig</c>'s where it has them. The defaults are greedy decoding
/// of 64 tokens. <see cref="Validate"/> checks every option; the engine calls it before it queues a request.
/// </remarks>
public sealed partial record GenerationOptions
{
    /// <summary>The smallest temperature above 0: logits divided by less could overflow.</summary>
    public const float MinTemperature = 1e-6f;

    /// <summary>The most samples that may be drawn from one prompt.</summary>
    public const int MaxSamples = 1024;

    /// <summary>The most log-probabilities that may be asked for each token.</summary>
    public const int MaxLogProbs = 100;

    /// <summary>
    /// Divides the logits before sampling. 0: greedy, whatever else is set. Null with no other sampling option set:
    /// greedy.
    /// </summary>
    public float? Temperature { get; init; }

    /// <summary>Keeps the k best tokens, and those as good as the k-th. 0: all.</summary>
    public int? TopK { get; init; }

    /// <summary>Keeps the smallest set of best tokens whose probabilities sum to at least this. 1: all.</summary>
    public float? TopP { get; init; }

    /// <summary>Keeps tokens at least this times as probable as the best.</summary>
    public float? MinP { get; init; }

    /// <summary>The probability mass that locally typical sampling keeps (Meister et al. 2022). 1: all.</summary>
    public float? TypicalP { get; init; }

    /// <summary>
    /// Divides positive and multiplies negative logits of tokens seen already (Keskar et al. 2019). 1: none.
    /// </summary>
    public float? RepetitionPenalty { get; init; }

    /// <summary>No n-gram of this size appears twice. 0: any may.</summary>
    public int? NoRepeatNgramSize { get; init; }

    /// <summary>
    /// The seed of the sampler; the same seed gives the same text on every machine. Null: a new one each time.
    /// </summary>
    public ulong? Seed { get; init; }

    /// <summary>
    /// The most tokens to generate; it counts tokens, not positions. 0 is of use with <see cref="PromptLogProbs"/>.
    /// </summary>
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>
    /// How many of the prompt's tokens, from the last, an earlier request with the same options generated before it was
    /// cut off: the text continues as if it had never stopped. 0: none.
    /// </summary>
    /// <remarks>
    /// These tokens count as generated wherever an option or the usage counts tokens, <see cref="MaxNewTokens"/>
    /// included. The reader gets what comes after them: new ids, and the text that was held back at the cut. The
    /// prompt's log-probabilities came with the first token and are not given again. Needs a prompt of token ids, and a
    /// seed where the choice is random. Not together with beams, nor with several samples: sample i continues alone, as
    /// a request with one sample and the seed that <c>Sampler.SeedOf(seed, i)</c> gives. <see cref="Deadline"/> counts
    /// from the new submission.
    /// </remarks>
    public int GeneratedBefore { get; init; }

    /// <summary>Ids that end the text; null: the model's own; empty: none.</summary>
    public IReadOnlyList<int>? EosTokenIds { get; init; }

    /// <summary>Texts that end the text where they appear, across token borders too; they are not part of it.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>
    /// What a session continues from after a turn that a stop text ended. True: every token of the answer, those of the
    /// stop text included, as the model wrote them. False: the text that the reader saw. Of no effect without a
    /// session.
    /// </summary>
    public bool SessionKeepsStopText { get; init; } = true;

    /// <summary>
    /// Samples to draw from one prompt, as rows 0 … n − 1 of the stream. Row 0 is what one sample alone would be.
    /// </summary>
    public int Samples { get; init; } = 1;

    /// <summary>Lower runs first. Among requests of one priority the one that came first does.</summary>
    public int Priority { get; init; }

    /// <summary>
    /// Time from submission after which the request ends with <see cref="DeadlineExceededException"/>; null: none.
    /// </summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>
    /// Requests find each other's cached blocks only under the same salt: one for each tenant keeps them apart.
    /// </summary>
    public string? CacheSalt { get; init; }

    /// <summary>
    /// Log-probabilities for each new token: how many of the most probable tokens to give with the token's own; null:
    /// no log-probabilities.
    /// </summary>
    public int? LogProbs { get; init; }

    /// <summary>
    /// Whether the prompt's tokens get log-probabilities too. Such a prompt is computed in full, cached or not.
    /// </summary>
    public bool PromptLogProbs { get; init; }

    /// <summary>
    /// Searches with beams instead of choosing token by token; each sequence found is one piece, best first. Null:
    /// none.
    /// </summary>
    /// <remarks>
    /// Not together with samples, stop texts, log-probabilities of new tokens or an option that makes the choice
    /// random.
    /// </remarks>
    public BeamSearchOptions? Beams { get; init; }

    /// <summary>
    /// Drafts tokens and lets the model verify them, which gives the same tokens sooner; null: token by token.
    /// </summary>
    public SpeculationOptions? Speculation { get; init; }

    /// <summary>
    /// Which texts may be generated; the tokens that it does not allow are removed before any other option is looked
    /// at. Null: any text.
    /// </summary>
    /// <remarks>
    /// Needs a vocabulary. An end-of-text id may come exactly where the text may end; where no token may follow, the
    /// text ends without one. Not together with an empty list of end-of-text ids.
    /// </remarks>
    public TokenConstraint? Constraint { get; init; }

    /// <summary>
    /// Whether the best token is taken: the temperature is 0, or no option that makes the choice random is set.
    /// </summary>
    public bool IsGreedy =>
        Temperature == 0 || (Temperature is null && TopK is null && TopP is null && MinP is null && TypicalP is null);
}
