using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Serving;

/// <content>Handing out what came of a step: scores, the next tokens, and who has ended.</content>
internal sealed partial class EngineLoop
{
    private void Process(ReadOnlySpan<PlannedRow> planned)
    {
        _now = _options.TimeProvider.GetTimestamp();
        foreach (ref readonly var row in planned)
        {
            _scheduler.Complete(row);
        }

        var at = 0;
        foreach (ref readonly var row in planned)
        {
            var request = (GenerationRequest)row.Sequence.Request;
            var offset = at;
            at += row.LogitsCount * _runner.Model.VocabSize;
            if (offset == at || row.Sequence.IsFinished)
            {
                continue;
            }

            try
            {
                Take(request, row, offset);
            }
            catch (Exception e)
            {
                EndRequest(request, Failure(e));
            }
        }
    }

    /// <summary>Makes something of one row's logits.</summary>
    private void Take(GenerationRequest request, in PlannedRow row, int offset)
    {
        var sequence = row.Sequence;
        var vocabulary = _runner.Model.VocabSize;
        var logits = _logits.AsSpan(offset, row.LogitsCount * vocabulary);
        if (request.ScoresPrompt && row.Position < request.PromptLength)
        {
            ScorePrompt(request, row, logits);
        }

        if (row.Position + row.Count != sequence.Count)
        {
            return;
        }

        if (request.Options.MaxNewTokens == 0)
        {
            FinishEmpty(request);
            return;
        }

        if (request.Beams is { } beams)
        {
            if (++request.BeamRows == request.Sequences.Count)
            {
                // A request's beams stand one after the other in the plan, so their logits do too.
                Search(request, beams, _logits.AsSpan(offset + logits.Length - (request.BeamRows * vocabulary), request.BeamRows * vocabulary));
                request.BeamRows = 0;
            }

            return;
        }

        if (sequence.DraftCount > 0)
        {
            Verify(request, sequence, logits);
            return;
        }

        var last = logits[^vocabulary..];
        if (request.Sequences.Count < request.BranchCount)
        {
            // The prompt is there: every sample goes on from it, each with the same logits, and processors write into them.
            var given = last.ToArray();
            while (request.Sequences.Count < request.BranchCount)
            {
                _scheduler.Fork(sequence);
            }

            foreach (var sample in request.Sequences.ToArray())
            {
                given.CopyTo(last);
                Choose(request, sample, last);
            }

            return;
        }

        Choose(request, sequence, last);
    }

    /// <summary>Log-probabilities of the prompt's tokens from the logits of the positions before them.</summary>
    private void ScorePrompt(GenerationRequest request, in PlannedRow row, ReadOnlySpan<float> logits)
    {
        request.PromptScores ??= [];
        var vocabulary = _runner.Model.VocabSize;
        var tokens = row.Sequence.Tokens;
        var top = Math.Min(request.Options.LogProbs ?? 0, vocabulary);
        for (var i = Math.Max(0, request.ScoredCount - row.Position); i < row.Count; i++)
        {
            var position = row.Position + i;
            if (position + 1 < request.PromptLength)
            {
                var given = logits.Slice(i * vocabulary, vocabulary);
                var best = new TokenLogProbability[top];
                var logSum = _sampler.LogProbabilities(given, best);
                var token = tokens[position + 1];
                request.PromptScores.Add(new ScoredToken(token, (float)(given[token] - logSum), best));
            }
        }

        request.ScoredCount = Math.Max(request.ScoredCount, row.Position + row.Count);
    }

    /// <summary>Takes a beam search one token further.</summary>
    /// <param name="request">The request.</param>
    /// <param name="search">Its search.</param>
    /// <param name="logits">(beams, vocabulary); of the prompt (1, vocabulary).</param>
    private void Search(GenerationRequest request, BeamSearch search, Span<float> logits)
    {
        search.Advance(logits);
        if (search.Step == 1)
        {
            EngineMetrics.Record(_metrics.TimeToFirstToken, Seconds(_now - request.SubmittedAt));
        }

        if (search.IsDone)
        {
            request.DeliverBeams();
            _totals = _totals with { GeneratedTokens = _totals.GeneratedTokens + request.GeneratedTokens };
            EndRequest(request, null);
            return;
        }

        while (request.Sequences.Count < request.BranchCount)
        {
            _scheduler.Fork(request.Sequences[0]);
        }

        _scheduler.Reorder(request, search.BeamIndices);
        for (var beam = 0; beam < search.NumBeams; beam++)
        {
            request.Sequences[beam].Append(search.NextTokens[beam]);
        }
    }

    private void Choose(GenerationRequest request, Sequence sequence, Span<float> logits)
    {
        var row = request.Rows[sequence.Branch];
        var (token, scores) = Pick(request, row, sequence.Tokens, logits);
        row.Pace?.Settle(sequence.CommittedCount, 0, token);
        if (!request.IsEnd(token))
        {
            sequence.Append(token);
        }

        Deliver(request, sequence, token, scores);
    }

    private (int Token, ScoredToken? Scores) Pick(GenerationRequest request, RowOutput row, ReadOnlySpan<int> history, Span<float> logits)
    {
        if (request.Options.LogProbs is not { } top)
        {
            return (_sampler.Sample(logits, history, request.Options, row.Seed, row.Count), null);
        }

        var best = new TokenLogProbability[Math.Min(top, logits.Length)];
        var chosen = _sampler.SampleWithLogProbabilities(logits, history, request.Options, row.Seed, row.Count, best);
        return (chosen.Id, new ScoredToken(chosen.Id, chosen.LogProbability, best));
    }

    /// <summary>
    /// Holds guesses against what the model chooses. Position by position the choice is made as it would be without them; as
    /// long as it is the guess, the next position's logits are those that plain decoding would have had.
    /// </summary>
    private void Verify(GenerationRequest request, Sequence sequence, Span<float> logits)
    {
        var vocabulary = _runner.Model.VocabSize;
        var row = request.Rows[sequence.Branch];
        var drafts = sequence.DraftCount;
        var position = sequence.CommittedCount;
        for (var i = 0; ; i++)
        {
            var history = sequence.Tokens[..sequence.CommittedCount];
            var (token, scores) = Pick(request, row, history, logits.Slice(i * vocabulary, vocabulary));
            if (sequence.DraftCount > 0 && token == sequence.Tokens[sequence.CommittedCount] && !request.IsEnd(token))
            {
                sequence.CommitDraft();
                if (Deliver(request, sequence, token, scores))
                {
                    CountDrafts(row, position, drafts, i + 1, null);
                    return;
                }

                continue;
            }

            _scheduler.RejectDrafts(sequence);
            CountDrafts(row, position, drafts, i, token);
            if (!request.IsEnd(token))
            {
                sequence.Append(token);
            }

            Deliver(request, sequence, token, scores);
            return;
        }
    }

    /// <summary>Gives a token to its reader; true where the row ends with it.</summary>
    private bool Deliver(GenerationRequest request, Sequence sequence, int token, ScoredToken? scores)
    {
        var row = request.Rows[sequence.Branch];
        var generated = request.GeneratedTokens;
        var reason = request.Deliver(row, token, sequence.CommittedCount, scores);
        if (request.GeneratedTokens > generated)
        {
            _totals = _totals with { GeneratedTokens = _totals.GeneratedTokens + 1 };
            if (row.LastTokenAt != 0)
            {
                EngineMetrics.Record(_metrics.InterTokenLatency, Seconds(_now - row.LastTokenAt));
            }
            else if (generated == 0)
            {
                EngineMetrics.Record(_metrics.TimeToFirstToken, Seconds(_now - request.SubmittedAt));
            }

            row.LastTokenAt = _now;
        }

        if (reason is null)
        {
            return false;
        }

        EndRow(request, sequence);
        return true;
    }

    private void FinishEmpty(GenerationRequest request)
    {
        foreach (var row in request.Rows)
        {
            request.FinishEmpty(row);
        }

        EndRequest(request, null);
    }

    private void EndRow(GenerationRequest request, Sequence sequence)
    {
        ForgetDrafts(sequence);
        if (request.Sequences.Count == request.BranchCount && request.Sequences.TrueForAll(s => s == sequence || s.IsFinished))
        {
            EndRequest(request, null);
        }
        else
        {
            _scheduler.Finish(sequence);
        }
    }
}
