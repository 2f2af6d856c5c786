using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Text;

namespace TorchKv.Runtime.Serving;

/// <summary>Chooses token by token, for one sample or several; with drafts, several tokens of one step.</summary>
internal sealed class SamplingDecoding : IDecoding
{
    private readonly GenerationRequest _request;
    private readonly EngineParts _engine;
    private readonly SampleOutput[] _samples;

    public SamplingDecoding(GenerationRequest request, EngineParts engine)
    {
        _request = request;
        _engine = engine;
        _samples = new SampleOutput[request.Options.Samples];
        for (var i = 0; i < _samples.Length; i++)
        {
            var detokenizer = engine.Tokenizer is { } tokenizer
                ? ResumeRules.Detokenizer(tokenizer, request.Options)
                : null;
            _samples[i] = new SampleOutput(i, Sampler.SeedOf(request.Seed, i), detokenizer);
        }

        // A request with tokens generated before has one sample.
        _samples[0].Take(request.TokensBefore);
    }

    /// <inheritdoc/>
    public bool IsEmpty => _request.Options.MaxNewTokens == 0 || EndBefore is not null;

    /// <inheritdoc/>
    public void Decode(in PlannedRow row, Span<float> logits, long now)
    {
        var sequence = row.Sequence;
        var last = logits[^_engine.Model.VocabSize..];
        if (sequence.DraftCount > 0)
        {
            Verify(sequence, logits, now);
        }
        else if (_request.Request.Sequences.Count < _samples.Length)
        {
            FanOut(sequence, last, now);
        }
        else
        {
            Choose(sequence, last, now);
        }
    }

    /// <inheritdoc/>
    public void EndEmpty()
    {
        var (reason, stop) = EndBefore ?? (FinishReason.Length, null);
        foreach (var sample in _samples)
        {
            WriteLast(sample, reason, "", [], null, stop);
        }

        _engine.Lifetimes.EndRequest(_request, null);
    }

    /// <summary>
    /// Lets every sample continue from the prompt, which has been computed once. Each begins with the same logits.
    /// </summary>
    private void FanOut(Sequence prompt, Span<float> logits, long now)
    {
        // Processors change logits in place, so that each sample needs its own.
        var given = logits.ToArray();
        var sequences = _request.Request.Sequences;
        while (sequences.Count < _samples.Length)
        {
            _engine.Scheduler.Fork(prompt);
        }

        foreach (var sequence in sequences.ToArray())
        {
            given.CopyTo(logits);
            Choose(sequence, logits, now);
        }
    }

    /// <summary>Chooses a sequence's next token.</summary>
    private void Choose(Sequence sequence, Span<float> logits, long now)
    {
        var sample = _samples[sequence.Index];
        if (ConstraintOf(sample)?.IsComplete == true)
        {
            // The constraint allows the empty text alone.
            WriteLast(sample, FinishReason.Stop, "", [], null);
            _engine.Lifetimes.EndSequence(_request, sequence);
            return;
        }

        var (token, scores) = Pick(sample, sequence.Tokens, logits);
        if (_request.Options.Speculation is not null || _request.Constraints is not null)
        {
            _engine.Drafter.Settle(sequence, sequence.CommittedCount, 0, token);
        }

        if (!_request.IsEnd(token))
        {
            sequence.Append(token);
        }

        Deliver(sequence, token, scores, now);
    }

    /// <summary>
    /// Compares drafts with the tokens that are chosen. Position by position a token is chosen as it would be without
    /// drafts; as long as it is the draft, the next position's logits are those that plain decoding would have
    /// computed.
    /// </summary>
    private void Verify(Sequence sequence, Span<float> logits, long now)
    {
        var vocabulary = _engine.Model.VocabSize;
        var sample = _samples[sequence.Index];
        var drafts = sequence.DraftCount;
        var position = sequence.CommittedCount;
        for (var i = 0; ; i++)
        {
            var (token, scores) = Pick(sample, sequence.Committed, logits.Slice(i * vocabulary, vocabulary));
            if (sequence.DraftCount > 0 && token == sequence.Tokens[sequence.CommittedCount] && !_request.IsEnd(token))
            {
                sequence.AcceptDraft();
                if (Deliver(sequence, token, scores, now))
                {
                    CountDrafts(sequence, position, drafts, i + 1, null);
                    return;
                }

                continue;
            }

            _engine.Scheduler.RejectDrafts(sequence);
            CountDrafts(sequence, position, drafts, i, token);
            if (!_request.IsEnd(token))
            {
                sequence.Append(token);
            }

            Deliver(sequence, token, scores, now);
            return;
        }
    }

    private (int Token, ScoredToken? Scores) Pick(SampleOutput sample, ReadOnlySpan<int> history, Span<float> logits)
    {
        var options = _request.Options;
        if (options.LogProbs is not { } top)
        {
            var token = _engine.Sampler.Sample(
                logits, history, _request.Rules, ConstraintOf(sample), sample.Seed, sample.TokenCount);
            return (token, null);
        }

        var best = new TokenLogProbability[Math.Min(top, logits.Length)];
        var chosen = _engine.Sampler.SampleWithLogProbabilities(
            logits,
            history,
            _request.Rules,
            ConstraintOf(sample),
            sample.Seed,
            sample.TokenCount,
            best);
        return (chosen.Id, new ScoredToken(chosen.Id, chosen.LogProbability, best));
    }

    private SequenceConstraint? ConstraintOf(SampleOutput sample) => _request.Constraints?[sample.Index];

    /// <param name="sequence">The sequence.</param>
    /// <param name="position">Where the first token stands that was chosen in this step.</param>
    /// <param name="drafted">Drafts that were verified.</param>
    /// <param name="accepted">Drafts that were accepted.</param>
    /// <param name="next">The token after them; null where the text ended.</param>
    private void CountDrafts(Sequence sequence, int position, int drafted, int accepted, int? next)
    {
        _engine.Drafter.Settle(sequence, position, accepted, next);
        _engine.Counters.AddDrafts(drafted, accepted);
        _engine.Recorder?.CountDrafts(_request.Request, drafted, accepted);
    }

    /// <summary>Gives a token to the reader; true where the sample ends with it.</summary>
    private bool Deliver(Sequence sequence, int token, ScoredToken? scores, long now)
    {
        var sample = _samples[sequence.Index];
        var isEnd = _request.IsEnd(token);
        var isOver = Write(sample, token, isEnd, sequence.CommittedCount, scores);
        if (!isEnd)
        {
            Count(sample, now);
        }

        if (isOver)
        {
            _engine.Lifetimes.EndSequence(_request, sequence);
        }

        return isOver;
    }

    /// <summary>Writes the piece of a token; true where it is the sample's last.</summary>
    private bool Write(SampleOutput sample, int token, bool isEnd, int length, ScoredToken? scores)
    {
        if (isEnd)
        {
            WriteLast(sample, FinishReason.Stop, "", [], null, _request.StopOf(token), hasEndToken: true);
            return true;
        }

        sample.TokenCount++;
        _request.GeneratedTokens++;
        var text = sample.Detokenizer?.Append(token) ?? "";
        if (_request.StopOf(token) is null && sample.Detokenizer?.IsStopped != true)
        {
            ConstraintOf(sample)?.Append(token);
        }

        if (EndAfter(sample, token, length) is { } end)
        {
            WriteLast(sample, end.Reason, text, [token], scores, end.Stop);
            return true;
        }

        sample.VisibleCharacters += text.Length;
        _request.Write(new GeneratedPiece
        {
            Row = sample.Index,
            Text = text,
            TokenIds = [token],
            LogProbs = scores is null ? [] : [scores],
        });
        return false;
    }

    /// <summary>Why a sample ends after one of its text's tokens; null where it does not.</summary>
    /// <param name="sample">The sample; its detokenizer and its constraint have the token.</param>
    /// <param name="token">The token.</param>
    /// <param name="length">Tokens of the prompt and the sample.</param>
    private (FinishReason Reason, StopReason? Stop)? EndAfter(SampleOutput sample, int token, int length)
    {
        var stop = _request.StopOf(token);
        if (stop is not null || sample.Detokenizer?.IsStopped == true || ConstraintOf(sample)?.IsComplete == true)
        {
            return (FinishReason.Stop, stop);
        }

        return length >= _request.MaxTotalTokens ? (FinishReason.Length, null) : null;
    }

    /// <summary>Why the tokens generated before end the text; null where they do not.</summary>
    private (FinishReason Reason, StopReason? Stop)? EndBefore => _request.TokensBefore is [.., var last]
        ? EndAfter(_samples[0], last, _request.Request.Prompt.Length)
        : null;

    private void WriteLast(
        SampleOutput sample,
        FinishReason reason,
        string text,
        IReadOnlyList<int> ids,
        ScoredToken? scores,
        StopReason? stop = null,
        bool hasEndToken = false)
    {
        text += sample.Detokenizer?.Finish();
        var isStopped = sample.Detokenizer?.IsStopped == true;
        sample.VisibleCharacters += text.Length;
        if (isStopped && !_request.Options.SessionKeepsStopText && _request.Session is not null)
        {
            HideStopText(sample);
        }

        _request.Write(new GeneratedPiece
        {
            Row = sample.Index,
            Text = text,
            TokenIds = ids,
            LogProbs = scores is null ? [] : [scores],

            // The characters that were held back to the end may complete a stop text too.
            FinishReason = isStopped ? FinishReason.Stop : reason,
            StopReason = isStopped ? new StopReason(sample.Detokenizer!.FoundStop, null) : stop,
            Usage = _request.UsageOf(sample.TokenCount, hasEndToken),
            QueueTime = _request.QueueTime,
            Preemptions = _request.Request.Preemptions,
        });
    }

    /// <summary>Lets the session continue from the text that the reader saw.</summary>
    private void HideStopText(SampleOutput sample)
    {
        var request = _request.Request;

        // A request that the tokens generated before have ended has no sequence.
        var tokens = request.Sequences.Count == 0 ? request.Prompt : request.Sequences[sample.Index].Committed;
        var visible = VisibleTokens.Of(
            _engine.Tokenizer!, tokens[request.PromptLength..], sample.VisibleCharacters);
        _request.SessionTokens = [.. tokens[..request.PromptLength], .. visible];
    }

    private void Count(SampleOutput sample, long now)
    {
        _engine.Counters.GeneratedTokens++;
        if (sample.LastTokenAt != 0)
        {
            _engine.Metrics.RecordInterTokenLatency(sample.LastTokenAt, now);
        }
        else if (_request.GeneratedTokens == 1)
        {
            _engine.Metrics.RecordTimeToFirstToken(_request.SubmittedAt, now);
        }

        sample.LastTokenAt = now;
    }
}
