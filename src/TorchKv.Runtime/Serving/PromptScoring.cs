using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Serving;

/// <summary>
/// Computes the log-probabilities of a prompt's tokens, then leaves the last position to another way of decoding.
/// </summary>
internal sealed class PromptScoring : IDecoding
{
    private readonly GenerationRequest _request;
    private readonly EngineParts _engine;
    private readonly IDecoding _next;
    private readonly int _top;
    private List<ScoredToken>? _scores = [];

    public PromptScoring(GenerationRequest request, EngineParts engine, IDecoding next)
    {
        _request = request;
        _engine = engine;
        _next = next;
        _top = Math.Min(request.Options.LogProbs ?? 0, engine.Model.VocabSize);
    }

    /// <inheritdoc/>
    public bool IsEmpty => false;

    /// <inheritdoc/>
    public void Decode(in PlannedRow row, Span<float> logits, long now)
    {
        if (_scores is not null)
        {
            Score(row, logits);
        }

        if (!row.ReachesEnd)
        {
            return;
        }

        if (_request.Options.MaxNewTokens == 0)
        {
            _next.EndEmpty();
        }
        else
        {
            _next.Decode(row, logits, now);
        }
    }

    /// <inheritdoc/>
    public void EndEmpty() => _next.EndEmpty();

    /// <summary>Scores each of a row's tokens by the logits of the position before it.</summary>
    private void Score(in PlannedRow row, ReadOnlySpan<float> logits)
    {
        var request = row.Sequence.Request;
        var vocabulary = _engine.Model.VocabSize;
        for (var i = Math.Max(0, request.ScoredCount - row.Position); i < row.Count; i++)
        {
            var next = row.Position + i + 1;
            if (next < request.PromptLength)
            {
                var given = logits.Slice(i * vocabulary, vocabulary);
                var best = new TokenLogProbability[_top];
                var logSum = _engine.Sampler.LogProbabilities(given, best);
                var token = request.Prompt[next];
                _scores!.Add(new ScoredToken(token, (float)(given[token] - logSum), best));
            }
        }

        request.ScoredCount = Math.Max(request.ScoredCount, row.Position + row.Count);
        if (request.ScoredCount >= request.PromptLength)
        {
            // Given once: a prompt that is computed again after a preemption is not scored again.
            _request.GivePromptScores(_scores!);
            _scores = null;
        }
    }
}
