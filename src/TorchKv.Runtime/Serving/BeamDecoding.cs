using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Text;

namespace TorchKv.Runtime.Serving;

/// <summary>
/// Searches with beams. All beams take part in the same step; the reader gets the sequences found when the search ends.
/// </summary>
internal sealed class BeamDecoding : IDecoding
{
    private readonly GenerationRequest _request;
    private readonly EngineParts _engine;
    private readonly BeamSearch _search;

    public BeamDecoding(GenerationRequest request, EngineParts engine, BeamSearchOptions beams)
    {
        _request = request;
        _engine = engine;
        var prompt = request.Request.Prompt;
        _search = new BeamSearch(
            prompt,
            engine.Model.VocabSize,
            beams,
            request.EosTokenIds,
            request.MaxTotalTokens - prompt.Length,
            request.Options);
    }

    /// <inheritdoc/>
    public bool IsEmpty => false;

    /// <inheritdoc/>
    public void Decode(in PlannedRow row, Span<float> logits, long now)
    {
        var sequences = _request.Request.Sequences;
        var last = logits[^_engine.Model.VocabSize..];
        if (_search.Step == 0)
        {
            if (_request.Constraints is { } constraints)
            {
                _search.Constrain(constraints[0]);
            }

            _search.Advance(last);
            _engine.Metrics.RecordTimeToFirstToken(_request.SubmittedAt, now);
        }
        else
        {
            // Each beam's row brings its own logits. With the last beam's, the search takes its step.
            _search.AddLogits(last);
            if (row.Sequence != sequences[^1])
            {
                return;
            }

            _search.Advance();
        }

        if (_search.IsDone)
        {
            WriteFound();
            _engine.Counters.GeneratedTokens += _request.GeneratedTokens;
            _engine.Lifetimes.EndRequest(_request, null);
            return;
        }

        while (sequences.Count < _search.NumBeams)
        {
            _engine.Scheduler.Fork(sequences[0]);
        }

        _engine.Scheduler.Reorder(_request.Request, _search.BeamIndices);
        for (var beam = 0; beam < _search.NumBeams; beam++)
        {
            sequences[beam].Append(_search.NextTokens[beam]);
        }
    }

    /// <inheritdoc/>
    public void EndEmpty() => throw new InvalidOperationException("A beam search generates at least one token.");

    private void WriteFound()
    {
        var found = _search.Finish();
        for (var i = 0; i < found.Count; i++)
        {
            var ids = found[i].TokenIds;
            _request.GeneratedTokens += ids.Count;
            _request.Write(new GeneratedPiece
            {
                Row = i,
                Text = TextOf(ids),
                TokenIds = ids,
                Score = found[i].Score,
                FinishReason = found[i].FinishReason,
                Usage = _request.UsageOf(ids.Count, found[i].EosTokenId is not null),
                QueueTime = _request.QueueTime,
                Preemptions = _request.Request.Preemptions,
            });
        }
    }

    private string TextOf(IReadOnlyList<int> ids)
    {
        if (_engine.Tokenizer is null)
        {
            return "";
        }

        var detokenizer = new IncrementalDetokenizer(_engine.Tokenizer);
        return string.Concat(ids.Select(detokenizer.Append)) + detokenizer.Finish();
    }
}
