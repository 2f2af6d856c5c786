namespace TorchKv.Runtime.Sampling;

/// <summary>How the next token is chosen from its logits. Immutable; the defaults are greedy decoding.</summary>
/// <remarks>The names and meanings are HuggingFace <c>GenerationConfig</c>'s.</remarks>
public record SamplingOptions
{
    /// <summary>Divides the logits before sampling. Null with no other sampling option set: greedy.</summary>
    public float? Temperature { get; init; }

    /// <summary>Keeps the k best tokens.</summary>
    public int? TopK { get; init; }

    /// <summary>Keeps the smallest set of best tokens whose probabilities sum to at least this.</summary>
    public float? TopP { get; init; }

    /// <summary>Keeps tokens at least this times as probable as the best.</summary>
    public float? MinP { get; init; }

    /// <summary>Locally typical sampling's mass (Meister et al. 2022).</summary>
    public float? TypicalP { get; init; }

    /// <summary>Divides positive and multiplies negative logits of tokens seen already (Keskar et al. 2019).</summary>
    public float? RepetitionPenalty { get; init; }

    /// <summary>No n-gram of this size appears twice.</summary>
    public int? NoRepeatNgramSize { get; init; }

    /// <summary>The seed of the sampler; the same seed gives the same text on every machine. Null: a new one each time.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Whether the best token is taken: no option that makes the choice random is set.</summary>
    public bool IsGreedy => Temperature is null && TopK is null && TopP is null && MinP is null && TypicalP is null;
}
