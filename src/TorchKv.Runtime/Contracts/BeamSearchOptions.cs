using System.Globalization;

namespace TorchKv.Runtime.Contracts;

/// <summary>Options of a beam search; the names and meanings are HuggingFace's. Immutable.</summary>
public sealed record BeamSearchOptions
{
    /// <summary>The most beams; each is a sequence in the cache.</summary>
    public const int MaxBeams = 1024;

    /// <summary>Sequences that are continued in each step (<c>num_beams</c>).</summary>
    public int NumBeams { get; init; } = 4;

    /// <summary>
    /// A sequence's log-probability is divided by its generated length to this power (<c>length_penalty</c>): above 0
    /// favours long sequences.
    /// </summary>
    public float LengthPenalty { get; init; } = 1;

    /// <summary>When the search ends (<c>early_stopping</c>).</summary>
    public EarlyStopping EarlyStopping { get; init; }

    /// <summary>Sequences to return, at most <see cref="NumBeams"/> (<c>num_return_sequences</c>).</summary>
    public int NumReturnSequences { get; init; } = 1;

    /// <summary>Checks every option.</summary>
    /// <exception cref="OptionException">
    /// An option is outside its limits; the message names option, value and limits.
    /// </exception>
    public void Validate()
    {
        if (NumBeams is < 1 or > MaxBeams)
        {
            throw new OptionException(
                "num_beams",
                NumBeams.ToString(CultureInfo.InvariantCulture),
                $"from 1 to {MaxBeams}");
        }

        if (!(Math.Abs(LengthPenalty) <= 100))
        {
            throw new OptionException(
                "length_penalty",
                LengthPenalty.ToString(CultureInfo.InvariantCulture),
                "from -100 to 100");
        }

        if (!Enum.IsDefined(EarlyStopping))
        {
            throw new OptionException(
                "early_stopping",
                ((int)EarlyStopping).ToString(CultureInfo.InvariantCulture),
                "Heuristic, WhenFull or WhenCertain");
        }

        if (NumReturnSequences < 1 || NumReturnSequences > NumBeams)
        {
            throw new OptionException(
                "num_return_sequences",
                NumReturnSequences.ToString(CultureInfo.InvariantCulture),
                $"from 1 to num_beams ({NumBeams})");
        }
    }
}
