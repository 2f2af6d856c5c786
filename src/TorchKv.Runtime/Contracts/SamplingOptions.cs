using System.Globalization;

namespace TorchKv.Runtime.Contracts;

/// <summary>How the next token is chosen from its logits. Immutable; the defaults are greedy decoding.</summary>
/// <remarks>The names and meanings are HuggingFace <c>GenerationConfig</c>'s.</remarks>
public record SamplingOptions
{
    /// <summary>The smallest temperature above 0: logits divided by less could overflow.</summary>
    public const float MinTemperature = 1e-6f;

    /// <summary>Divides the logits before sampling. 0: greedy, whatever else is set. Null with no other sampling option set: greedy.</summary>
    public float? Temperature { get; init; }

    /// <summary>Keeps the k best tokens, and those as good as the k-th. 0: all.</summary>
    public int? TopK { get; init; }

    /// <summary>Keeps the smallest set of best tokens whose probabilities sum to at least this. 1: all.</summary>
    public float? TopP { get; init; }

    /// <summary>Keeps tokens at least this times as probable as the best.</summary>
    public float? MinP { get; init; }

    /// <summary>Locally typical sampling's mass (Meister et al. 2022). 1: all.</summary>
    public float? TypicalP { get; init; }

    /// <summary>Divides positive and multiplies negative logits of tokens seen already (Keskar et al. 2019). 1: none.</summary>
    public float? RepetitionPenalty { get; init; }

    /// <summary>No n-gram of this size appears twice. 0: any may.</summary>
    public int? NoRepeatNgramSize { get; init; }

    /// <summary>The seed of the sampler; the same seed gives the same text on every machine. Null: a new one each time.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Whether the best token is taken: the temperature is 0, or no option that makes the choice random is set.</summary>
    public bool IsGreedy => Temperature == 0 || (Temperature is null && TopK is null && TopP is null && MinP is null && TypicalP is null);

    /// <summary>Checks every option.</summary>
    /// <exception cref="OptionException">An option is outside its limits; the message names option, value and limits.</exception>
    public virtual void Validate()
    {
        Check("temperature", Temperature, Temperature is null or 0 or (>= MinTemperature and < float.PositiveInfinity), "0 (greedy) or at least 0.000001");
        Check("top_k", TopK, TopK is null or >= 0, "at least 0 (0: all)");
        Check("top_p", TopP, TopP is null or (>= 0 and <= 1), "from 0 to 1");
        Check("min_p", MinP, MinP is null or (>= 0 and <= 1), "from 0 to 1");
        Check("typical_p", TypicalP, TypicalP is null or (> 0 and <= 1), "above 0 and at most 1");
        Check("repetition_penalty", RepetitionPenalty, RepetitionPenalty is null or (> 0 and < float.PositiveInfinity), "above 0 and finite");
        Check("no_repeat_ngram_size", NoRepeatNgramSize, NoRepeatNgramSize is null or >= 0, "at least 0 (0: any n-gram may repeat)");
    }

    /// <summary>Throws unless an option is as it should be.</summary>
    /// <exception cref="OptionException"><paramref name="isValid"/> is false.</exception>
    protected static void Check(string option, IFormattable? value, bool isValid, string limits)
    {
        if (!isValid)
        {
            throw new OptionException(option, value?.ToString(null, CultureInfo.InvariantCulture) ?? "null", limits);
        }
    }
}
