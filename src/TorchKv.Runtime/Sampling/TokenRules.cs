using System.Globalization;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Sampling;

/// <summary>
/// A request's options with those that name tokens made ready for rows of logits. Immutable, so that any number of
/// sequences may share one.
/// </summary>
internal sealed class TokenRules
{
    /// <summary>The rules of a request's options.</summary>
    /// <param name="options">Validated options.</param>
    /// <param name="vocabSize">Logits in a row.</param>
    /// <param name="eosTokenIds">The ids that end the text; those that the model does not have are ignored.</param>
    /// <exception cref="OptionException">An option names an id that the model does not have.</exception>
    public TokenRules(GenerationOptions options, int vocabSize, IReadOnlyList<int> eosTokenIds)
    {
        Check(options, vocabSize);
        Options = options;
        Biases = [.. (options.LogitBias ?? new Dictionary<int, float>()).Select(pair => (pair.Key, pair.Value))];
        Allowed = options.AllowedTokenIds is { } allowed ? TokenMask.Of(allowed, vocabSize) : null;
        BadWords = [.. options.BadWordsIds.Select(ids => ids.ToArray())];
        EndIds = [.. eosTokenIds.Where(id => (uint)id < (uint)vocabSize).Distinct()];
        Ends = [.. EndIds.Union(options.StopTokenIds)];
    }

    public GenerationOptions Options { get; }

    /// <summary>What is added to which logits.</summary>
    public (int Id, float Bias)[] Biases { get; }

    /// <summary>The only ids that may be generated, as a <see cref="TokenMask"/>; null: all.</summary>
    public ulong[]? Allowed { get; }

    /// <summary>Sequences of ids that are not generated.</summary>
    public int[][] BadWords { get; }

    /// <summary>The end-of-text ids.</summary>
    public int[] EndIds { get; }

    /// <summary>End-of-text ids and stop ids: what is not chosen before the least number of tokens.</summary>
    public int[] Ends { get; }

    /// <summary>
    /// Whether an option can remove a token, or refuse a row, before a choice is made: a row with one token that is
    /// left must then be processed too.
    /// </summary>
    public bool MayRefuse =>
        Options.RepetitionPenalty is not (null or 1)
        || Options.NoRepeatNgramSize is > 0
        || Options.MinNewTokens > 0
        || Biases.Length > 0
        || BadWords.Length > 0;

    /// <summary>
    /// Refuses options that name an id that the model does not have, or texts, which have no ids here.
    /// </summary>
    /// <exception cref="OptionException">An option does so.</exception>
    public static void Check(GenerationOptions options, int vocabSize)
    {
        CheckIds("logit_bias", options.LogitBias?.Keys ?? [], vocabSize);
        CheckIds("stop_token_ids", options.StopTokenIds, vocabSize);
        CheckIds("allowed_token_ids", options.AllowedTokenIds ?? [], vocabSize);
        CheckIds("bad_words_ids", options.BadWordsIds.SelectMany(ids => ids), vocabSize);
        if (options.BadWords.Count > 0)
        {
            throw new OptionException("bad_words", "texts", "token ids where there is no vocabulary");
        }
    }

    private static void CheckIds(string option, IEnumerable<int> ids, int vocabSize)
    {
        foreach (var id in ids)
        {
            if ((uint)id >= (uint)vocabSize)
            {
                throw new OptionException(
                    option, id.ToString(CultureInfo.InvariantCulture), $"ids from 0 to {vocabSize - 1}");
            }
        }
    }
}
