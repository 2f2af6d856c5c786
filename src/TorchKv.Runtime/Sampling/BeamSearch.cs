using System.Globalization;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Sampling;

/// <summary>
/// Beam search over one prompt, as HuggingFace's <c>GenerationMixin._beam_search</c> does it: 2·beams candidates a step
/// (more with several end-of-text ids), finished sequences are kept apart from the running ones, float32 scores.
/// </summary>
/// <remarks>
/// Knows neither tensors nor models. The caller runs the prompt once and gives its last logits, then, until
/// <see cref="IsDone"/>: reorders its cache by <see cref="BeamIndices"/>, runs <see cref="NextTokens"/>, one for each
/// beam, and gives their logits, all at once or beam by beam. Several prompts are several searches: one does not
/// influence another. After construction nothing is allocated but by <see cref="Finish"/>. Not thread-safe.
/// </remarks>
internal sealed partial class BeamSearch
{
    // HuggingFace's score of what cannot be chosen: beams that are not in use, places without a finished sequence,
    // sequences that have ended but are kept among the running ones.
    private const float Never = -1e9f;

    // A sum of log-probabilities does not come near −10⁹, so a score below this has a part of Never in it, or is −∞.
    private const float LeastScore = Never / 2;

    private readonly BeamSearchOptions _options;
    private readonly TokenRules _rules;
    private readonly LogitsProcessors _processors;
    private readonly int _promptLength;
    private readonly int _maxNewTokens;
    private readonly int[] _eos;
    private readonly int[] _nextTokens;
    private readonly int[] _beamIndices;
    private readonly Candidate[] _candidates;

    // A sequence for each beam and, from NumBeams on, for each finished place; swapped with the next step's.
    private BeamSequence[] _running;
    private BeamSequence[] _nextRunning;
    private BeamSequence[] _finished;
    private BeamSequence[] _nextFinished;
    private bool _improvementPossible = true;


    // Of the current step: beams whose logits were given, and candidates so far, the best first.
    private int _added;
    private int _candidateCount;

    /// <summary>A search that awaits the prompt's logits.</summary>
    /// <param name="prompt">The prompt's ids: processors look back at them.</param>
    /// <param name="vocabSize">Logits in a row.</param>
    /// <param name="options">How to search.</param>
    /// <param name="eosTokenIds">Ids that end a sequence; may be empty.</param>
    /// <param name="maxNewTokens">The most tokens to generate, an end-of-text id included.</param>
    /// <param name="sampling">
    /// Its options that hold for greedy decoding apply, to log-probabilities: penalties, biases, allowed and banned
    /// tokens, the least number of tokens. None that makes the choice random may be set.
    /// </param>
    /// <exception cref="OptionException">An option is outside its limits, or asks for sampled beams.</exception>
    public BeamSearch(
        ReadOnlySpan<int> prompt,
        int vocabSize,
        BeamSearchOptions options,
        IReadOnlyList<int> eosTokenIds,
        int maxNewTokens,
        GenerationOptions? sampling = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(eosTokenIds);
        options.Validate();
        sampling ??= new GenerationOptions();
        sampling.Validate();
        if (!sampling.IsGreedy)
        {
            throw new OptionException(
                "num_beams",
                $"{options.NumBeams} with sampling",
                "1 where temperature, top_k, top_p, min_p or typical_p is set: beams are not sampled");
        }

        if (maxNewTokens < 1)
        {
            throw new OptionException(
                "max_new_tokens",
                maxNewTokens.ToString(CultureInfo.InvariantCulture),
                "at least 1");
        }

        _options = options;
        _rules = new TokenRules(sampling, vocabSize, eosTokenIds);
        _processors = new LogitsProcessors(vocabSize);
        _promptLength = prompt.Length;
        _maxNewTokens = maxNewTokens;
        _eos = [.. eosTokenIds.Distinct()];
        var beams = options.NumBeams;
        if (vocabSize < 1 + Math.Max(1, _eos.Length))
        {
            throw new OptionException(
                "num_beams",
                $"{beams}",
                $"1 over a vocabulary of {vocabSize} with {_eos.Length} end-of-text ids: "
                + "a beam needs a token to continue with");
        }

        _nextTokens = new int[beams];
        _beamIndices = new int[beams];
        _candidates = new Candidate[beams * (1 + Math.Max(1, _eos.Length))];
        _running = NewSequences(beams, prompt, maxNewTokens);
        _nextRunning = NewSequences(beams, prompt, maxNewTokens);
        _finished = NewSequences(beams, prompt, maxNewTokens);
        _nextFinished = NewSequences(beams, prompt, maxNewTokens);
        for (var beam = 0; beam < beams; beam++)
        {
            // All beams begin the same, so only the first counts at first.
            _running[beam].Score = beam == 0 ? 0 : Never;
            _finished[beam].Score = Never;
        }
    }

    /// <summary>Beams, and rows of logits from the second step on.</summary>
    public int NumBeams => _options.NumBeams;

    /// <summary>Tokens generated so far by every running beam.</summary>
    public int Step { get; private set; }

    /// <summary>Whether the search has ended.</summary>
    public bool IsDone { get; private set; }

    /// <summary>Each beam's newest token: what to run next.</summary>
    public ReadOnlySpan<int> NextTokens => _nextTokens;

    /// <summary>For each beam, the beam of the step before whose cache it continues.</summary>
    public ReadOnlySpan<int> BeamIndices => _beamIndices;

    /// <summary>A running beam's ids, prompt included.</summary>
    public ReadOnlySpan<int> Tokens(int beam) => _running[beam].Tokens.AsSpan(0, _promptLength + Step);

    /// <summary>Takes a step with the logits of every beam.</summary>
    /// <param name="logits">
    /// (beams, vocabulary), or on the first step (1, vocabulary): the prompt's; changed in place.
    /// </param>
    /// <exception cref="InvalidOperationException">The search has ended.</exception>
    /// <exception cref="ArgumentException">The number of logits is neither.</exception>
    /// <exception cref="RequestFailedException">
    /// The logits hold NaN or infinity: nothing was changed but the logits. Or every token is banned.
    /// </exception>
    public void Advance(Span<float> logits)
    {
        ThrowIfDone();
        var vocabSize = _processors.VocabSize;
        var rows = logits.Length / vocabSize;
        if (_added > 0 || logits.Length % vocabSize != 0 || (rows != NumBeams && !(rows == 1 && Step == 0)))
        {
            throw new ArgumentException(
                $"{logits.Length} logits for {NumBeams} beams over a vocabulary of {vocabSize}.", nameof(logits));
        }

        for (var row = 0; row < rows; row++)
        {
            ToLogProbabilities(logits.Slice(row * vocabSize, vocabSize), row);
        }

        for (var beam = 0; beam < NumBeams; beam++)
        {
            // On the first step one row stands for all beams.
            AddCandidates(beam, logits.Slice(rows == 1 ? 0 : beam * vocabSize, vocabSize));
        }

        ChooseSequences();
    }

    /// <summary>
    /// Adds the logits of one beam, the first one's first. With those of the last beam, <see cref="Advance()"/> takes
    /// the step.
    /// </summary>
    /// <param name="logits">(vocabulary); changed in place.</param>
    /// <exception cref="InvalidOperationException">The search has ended, or has the logits of every beam.</exception>
    /// <exception cref="RequestFailedException">The logits hold NaN or infinity.</exception>
    public void AddLogits(Span<float> logits)
    {
        ThrowIfDone();
        if (_added == NumBeams)
        {
            throw new InvalidOperationException($"The logits of all {NumBeams} beams were given.");
        }

        ToLogProbabilities(logits, _added);
        AddCandidates(_added, logits);
        _added++;
    }

    /// <summary>Takes a step with the logits that were added.</summary>
    /// <exception cref="InvalidOperationException">The logits of a beam are missing.</exception>
    /// <exception cref="RequestFailedException">Every token is banned, and no sequence has finished.</exception>
    public void Advance()
    {
        if (_added != NumBeams)
        {
            throw new InvalidOperationException($"The logits of {_added} of {NumBeams} beams were given.");
        }

        ChooseSequences();
    }

    /// <summary>
    /// The best finished sequences so far, best first: <see cref="BeamSearchOptions.NumReturnSequences"/> of them,
    /// fewer where fewer finished.
    /// </summary>
    public IReadOnlyList<BeamHypothesis> Finish()
    {
        var results = new List<BeamHypothesis>();
        foreach (var sequence in _finished.Where(sequence => sequence.IsFinished).Take(_options.NumReturnSequences))
        {
            var last = sequence.Tokens[_promptLength + sequence.Length - 1];
            var endsWithEos = _eos.Contains(last);
            var ids = sequence.Tokens.AsSpan(_promptLength, sequence.Length - (endsWithEos ? 1 : 0)).ToArray();
            results.Add(new BeamHypothesis(ids, sequence.Score, endsWithEos ? last : null));
        }

        return results;
    }

    private void ToLogProbabilities(Span<float> row, int beam)
    {
        LogitsRow.CheckModel(row);
        var logSum = LogitsRow.LogSum(row);
        foreach (ref var logit in row)
        {
            logit = (float)(logit - logSum);
        }

        ApplyConstraint(beam, row);
        _processors.Process(row, Tokens(beam), Step, _rules);
    }

    private void ThrowIfDone()
    {
        if (IsDone)
        {
            throw new InvalidOperationException("The search has ended.");
        }
    }

    /// <summary>
    /// Puts a beam's continuations among the candidates: the best first; of equal ones the lower beam, then the lower
    /// token.
    /// </summary>
    private void AddCandidates(int beam, ReadOnlySpan<float> logProbabilities)
    {
        var count = _candidateCount;
        var score = IsExcluded(beam) ? float.NegativeInfinity : _running[beam].Score;
        for (var token = 0; token < logProbabilities.Length; token++)
        {
            var sum = logProbabilities[token] + score;
            if (count == _candidates.Length && !(sum > _candidates[count - 1].Score))
            {
                continue;
            }

            count = Math.Min(count + 1, _candidates.Length);
            var at = count - 1;
            for (; at > 0 && sum > _candidates[at - 1].Score; at--)
            {
                _candidates[at] = _candidates[at - 1];
            }

            _candidates[at] = new Candidate { Beam = beam, Token = token, Score = sum };
        }

        _candidateCount = count;
    }

    /// <summary>Chooses from the candidates which sequences finish and which continue.</summary>
    private void ChooseSequences()
    {
        var candidates = _candidates.AsSpan(0, _candidateCount);
        (_added, _candidateCount) = (0, 0);
        if (!(candidates[0].Score > LeastScore))
        {
            // Every continuation of every beam is banned. What has finished is the result.
            if (!Array.Exists(_finished, sequence => sequence.IsFinished))
            {
                throw LogitsRow.NoTokenLeft();
            }

            IsDone = true;
            return;
        }

        foreach (ref var candidate in candidates)
        {
            candidate.Ends = Step + 1 == _maxNewTokens || _eos.Contains(candidate.Token);
        }

        ChooseFinished(candidates);
        var everyoneEnds = ChooseRunning(candidates);
        AdvanceConstraints();
        Step++;
        Conclude(everyoneEnds);
    }

    /// <summary>The best candidates that do not end become the running beams.</summary>
    /// <returns>Whether every candidate ends.</returns>
    private bool ChooseRunning(Span<Candidate> candidates)
    {
        var everyoneEnds = true;
        var beam = 0;

        // Those that end come last, in their order, as scores of −1e9 would put them.
        for (var pass = 0; pass < 2; pass++)
        {
            foreach (ref readonly var candidate in candidates)
            {
                everyoneEnds &= candidate.Ends || (_constraints is not null && !(candidate.Score > LeastScore));
                if (beam == NumBeams || candidate.Ends != (pass == 1))
                {
                    continue;
                }

                _nextRunning[beam].Extend(_running[candidate.Beam], _promptLength + Step, candidate.Token);
                _nextRunning[beam].Score = candidate.Score + (candidate.Ends ? Never : 0);
                _nextTokens[beam] = candidate.Token;
                _beamIndices[beam] = candidate.Beam;
                beam++;
            }
        }

        (_running, _nextRunning) = (_nextRunning, _running);
        return everyoneEnds;
    }

    /// <summary>
    /// Finished sequences and those of the first candidates that end now, the best of both; earlier ones first among
    /// equals.
    /// </summary>
    private void ChooseFinished(ReadOnlySpan<Candidate> candidates)
    {
        var isFull = _options.EarlyStopping == EarlyStopping.WhenFull && _finished.All(sequence => sequence.IsFinished);
        var isClosed = !_improvementPossible || isFull;
        var (old, added) = (0, 0);
        for (var place = 0; place < NumBeams; place++)
        {
            // Only as many candidates as beams count; the others are there so that enough continue.
            while (added < NumBeams && !(candidates[added].Ends && !isClosed))
            {
                added++;
            }

            var next = _nextFinished[place];
            var score = added < NumBeams ? Normalize(candidates[added].Score, Step + 1) : 0;
            if (added < NumBeams && IsBetter(candidates[added].Score, score, _finished[old]))
            {
                next.Extend(_running[candidates[added].Beam], _promptLength + Step, candidates[added].Token);
                next.Score = score;
                (next.Length, next.IsFinished) = (Step + 1, true);
                added++;
            }
            else
            {
                next.CopyFrom(_finished[old]);
                old++;
            }
        }

        (_finished, _nextFinished) = (_nextFinished, _finished);
    }

    /// <summary>
    /// Whether a sequence that ends now takes the place of another. A real one takes any place without a finished
    /// sequence, however low its score is; HuggingFace's bar of −10⁹ would leave a search with a strong length penalty
    /// without a result.
    /// </summary>
    private static bool IsBetter(float logProbability, float score, BeamSequence other) => logProbability > LeastScore
        ? !other.IsFinished || score > other.Score
        : !other.IsFinished && score > Never;

    /// <summary>
    /// A score: the sum of log-probabilities ÷ length to the power of the length penalty, within the range of a float.
    /// </summary>
    private float Normalize(float logProbability, int length)
    {
        var score = logProbability / (float)DeterministicMath.Power(length, _options.LengthPenalty);
        if (float.IsFinite(score) || float.IsNegativeInfinity(logProbability))
        {
            return score;
        }

        return logProbability == 0 ? 0 : float.MinValue;
    }

    /// <summary>
    /// HuggingFace's <c>_check_early_stop_heuristic</c> and <c>_beam_search_has_unfinished_sequences</c>.
    /// </summary>
    private void Conclude(bool everyoneEnds)
    {
        var length = _options.EarlyStopping == EarlyStopping.WhenCertain && _options.LengthPenalty > 0
            ? _maxNewTokens
            : Step;
        var bestPossible = Normalize(_running[0].Score, length);
        var worst = _finished[NumBeams - 1];
        _improvementPossible &= !worst.IsFinished || bestPossible > worst.Score;
        IsDone = everyoneEnds
            || !_improvementPossible
            || (_options.EarlyStopping == EarlyStopping.WhenFull && worst.IsFinished);
    }

    private static BeamSequence[] NewSequences(int count, ReadOnlySpan<int> prompt, int maxNewTokens)
    {
        var sequences = new BeamSequence[count];
        for (var i = 0; i < count; i++)
        {
            sequences[i] = new BeamSequence { Tokens = new int[prompt.Length + maxNewTokens] };
            prompt.CopyTo(sequences[i].Tokens);
        }

        return sequences;
    }

    private struct Candidate
    {
        public int Beam;
        public int Token;
        public float Score;
        public bool Ends;
    }
}
