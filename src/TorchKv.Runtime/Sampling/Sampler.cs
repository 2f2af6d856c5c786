using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Sampling;

/// <summary>
/// Chooses tokens: the best one, or a random one by the processed distribution. The choice depends on the logits, the
/// history, the options, the seed and the step alone, on every machine the same.
/// </summary>
/// <remarks>
/// Owns scratch memory for one row: after the first row nothing is allocated. Any number of sequences may share one,
/// but not at once.
/// </remarks>
public sealed class Sampler
{
    private const int ChunkSize = 256;

    private readonly LogitsProcessors _processors;
    private readonly LogitsWarpers _warpers;
    private readonly double[] _weights;
    private readonly float[] _raw;

    // Of options that come without a model; callers use the same ones row after row.
    private readonly ConditionalWeakTable<GenerationOptions, TokenRules> _rules = [];
    private readonly ConditionalWeakTable<GenerationOptions, TokenRules>.CreateValueCallback _createRules;

    /// <summary>A sampler for a vocabulary.</summary>
    /// <param name="vocabSize">Logits in a row.</param>
    public Sampler(int vocabSize)
    {
        _processors = new LogitsProcessors(vocabSize);
        _warpers = new LogitsWarpers(vocabSize);
        _weights = new double[vocabSize];
        _raw = new float[vocabSize];
        _createRules = options => new TokenRules(options, vocabSize, options.EosTokenIds ?? []);
    }

    /// <summary>A seed for a request that names none.</summary>
    public static ulong NewSeed()
    {
        Span<byte> bytes = stackalloc byte[8];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes);
    }

    /// <summary>The seed of one of several sequences that were asked for with one seed; sequence 0 keeps it.</summary>
    public static ulong SeedOf(ulong seed, int sequence) =>
        sequence == 0 ? seed : Philox.Bits(seed, (ulong)sequence, stream: 1);

    /// <summary>Chooses the next token.</summary>
    /// <param name="logits">(vocabulary): the model's; changed in place.</param>
    /// <param name="history">The sequence so far, prompt included.</param>
    /// <param name="options">Validated options; their seed is not read.</param>
    /// <param name="seed">The sequence's seed.</param>
    /// <param name="step">How many tokens were generated before: with the seed, it determines the draw.</param>
    /// <returns>The token's id.</returns>
    /// <exception cref="RequestFailedException">The logits hold NaN or +∞, or every token was removed.</exception>
    /// <exception cref="OptionException">
    /// The repetition penalty or a bias makes a logit infinite, or an option names an id outside the vocabulary.
    /// </exception>
    public int Sample(
        Span<float> logits, ReadOnlySpan<int> history, GenerationOptions options, ulong seed, long step) =>
        Sample(logits, history, RulesOf(options), null, seed, step);

    /// <inheritdoc cref="Sample(Span{float}, ReadOnlySpan{int}, GenerationOptions, ulong, long)"/>
    /// <param name="logits">(vocabulary): the model's; changed in place.</param>
    /// <param name="history">The sequence so far, prompt included.</param>
    /// <param name="rules">The request's options; their seed is not read.</param>
    /// <param name="constraint">Which tokens may come next; null: all.</param>
    /// <param name="seed">The sequence's seed.</param>
    /// <param name="step">How many tokens were generated before: with the seed, it determines the draw.</param>
    /// <exception cref="ConstraintException">No token may come next.</exception>
    internal int Sample(
        Span<float> logits,
        ReadOnlySpan<int> history,
        TokenRules rules,
        SequenceConstraint? constraint,
        ulong seed,
        long step)
    {
        if (constraint is not null)
        {
            LogitsRow.CheckModel(logits);
            constraint.ThrowIfStuck();
            if (constraint.Only is { } only && !rules.MayRefuse)
            {
                return logits[only] > float.NegativeInfinity ? only : throw LogitsRow.NoTokenLeft();
            }

            constraint.Apply(logits);
        }

        var options = rules.Options;
        _processors.Process(logits, history, (int)Math.Min(step, history.Length), rules);
        if (options.IsGreedy)
        {
            return Best(logits);
        }

        _warpers.Select(logits, options);
        var ids = _warpers.CandidateIds;
        var kept = _warpers.CandidateLogits;
        LogitsRow.CheckUsable(logits, LogitsRow.Max(kept));
        return ids[Draw(kept, Philox.Uniform(seed, (ulong)step))];
    }

    /// <summary>
    /// Chooses the next token, and says how probable it and the best ones are to the model, before anything is
    /// processed.
    /// </summary>
    /// <param name="logits">
    /// As in <see cref="Sample(Span{float}, ReadOnlySpan{int}, GenerationOptions, ulong, long)"/>.
    /// </param>
    /// <param name="history">As there.</param>
    /// <param name="options">As there.</param>
    /// <param name="seed">As there.</param>
    /// <param name="step">As there.</param>
    /// <param name="best">
    /// Receives as many of the most probable tokens as it has room for, best first; of equal ones the lower id first.
    /// </param>
    public TokenLogProbability SampleWithLogProbabilities(
        Span<float> logits,
        ReadOnlySpan<int> history,
        GenerationOptions options,
        ulong seed,
        long step,
        Span<TokenLogProbability> best) =>
        SampleWithLogProbabilities(logits, history, RulesOf(options), null, seed, step, best);

    /// <inheritdoc
    /// cref="SampleWithLogProbabilities(Span{float}, ReadOnlySpan{int}, GenerationOptions, ulong, long,
    /// Span{TokenLogProbability})"/>
    internal TokenLogProbability SampleWithLogProbabilities(
        Span<float> logits,
        ReadOnlySpan<int> history,
        TokenRules rules,
        SequenceConstraint? constraint,
        ulong seed,
        long step,
        Span<TokenLogProbability> best)
    {
        logits.CopyTo(_raw);
        var logSum = LogProbabilities(_raw, best);
        var id = Sample(logits, history, rules, constraint, seed, step);
        return new TokenLogProbability(id, (float)(_raw[id] - logSum));
    }

    /// <summary>The most probable tokens of a row, and the logarithm of its softmax's denominator.</summary>
    /// <param name="logits">(vocabulary): the model's.</param>
    /// <param name="best">
    /// Receives as many of the most probable tokens as it has room for, best first; of equal ones the lower id first.
    /// </param>
    /// <returns>ln Σ e^logit: a logit minus this is its log-probability.</returns>
    /// <exception cref="RequestFailedException">The logits hold NaN or +∞, or are all −∞.</exception>
    public double LogProbabilities(ReadOnlySpan<float> logits, Span<TokenLogProbability> best)
    {
        LogitsRow.CheckModel(logits);
        var logSum = LogitsRow.LogSum(logits);
        var count = 0;
        for (var id = 0; id < logits.Length; id++)
        {
            if (count < best.Length || (count > 0 && logits[id] > logits[best[count - 1].Id]))
            {
                count = Math.Min(count + 1, best.Length);
                var at = count - 1;
                for (; at > 0 && logits[id] > logits[best[at - 1].Id]; at--)
                {
                    best[at] = best[at - 1];
                }

                best[at] = new TokenLogProbability(id, (float)(logits[id] - logSum));
            }
        }

        return logSum;
    }

    /// <summary>Refuses a model's logits that hold NaN or +∞, or nothing but −∞, as every generation does.</summary>
    /// <param name="logits">One row.</param>
    /// <exception cref="RequestFailedException">The logits cannot be used.</exception>
    public static void CheckLogits(ReadOnlySpan<float> logits) => LogitsRow.CheckModel(logits);

    /// <summary>The id of the greatest logit, of equal ones the lowest.</summary>
    /// <exception cref="RequestFailedException">The logits hold NaN or +∞, or are all −∞.</exception>
    public static int Best(ReadOnlySpan<float> logits)
    {
        var max = LogitsRow.Max(logits);
        LogitsRow.CheckUsable(logits, max);
        return logits.IndexOf(max);
    }

    /// <summary>The rules of options that come without a model: their own end-of-text ids count.</summary>
    private TokenRules RulesOf(GenerationOptions options) => _rules.GetValue(options, _createRules);

    /// <summary>The first token whose running sum of weights passes u times the whole.</summary>
    private int Draw(ReadOnlySpan<float> logits, double u)
    {
        var weights = _weights.AsSpan(0, logits.Length);
        DeterministicMath.Exp(logits, LogitsRow.Max(logits), weights);
        var target = u * DeterministicMath.Sum(weights);

        // Whole chunks first, then inside the one that passes the target.
        var sum = 0.0;
        var chosen = 0;
        for (var start = 0; start < weights.Length; start += ChunkSize)
        {
            var chunk = weights.Slice(start, Math.Min(ChunkSize, weights.Length - start));
            var chunkSum = DeterministicMath.Sum(chunk);
            var last = chunk.LastIndexOfAnyExcept(0.0);
            if (last < 0)
            {
                continue;
            }

            chosen = start + last;
            if (sum + chunkSum > target)
            {
                for (var i = 0; i <= last; i++)
                {
                    sum += chunk[i];
                    if (weights[start + i] > 0 && sum > target)
                    {
                        return start + i;
                    }
                }

                break;
            }

            sum += chunkSum;
        }

        // Rounding alone can get here: the last token that could be chosen.
        return chosen;
    }
}
