using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Serving;

/// <content>How a request begins and ends on the engine's thread.</content>
internal sealed partial class EngineLoop
{
    private void Start(GenerationRequest request)
    {
        try
        {
            AttachSession(request);
            if (request.Options.MaxNewTokens == 0 && !request.ScoresPrompt)
            {
                FinishEmpty(request);
                return;
            }

            _scheduler.Add(request);
        }
        catch (Exception e)
        {
            EndRequest(request, new RequestFailedException("The request could not be started: " + e.Message, e));
        }
    }

    private void RemoveCancelled()
    {
        if (!_anyCancelled)
        {
            return;
        }

        _anyCancelled = false;
        foreach (var request in _live.Where(r => r.IsCancelled).ToArray())
        {
            EndRequest(request, new OperationCanceledException("The request was cancelled."));
        }
    }

    private void RemoveExpired()
    {
        _now = _options.TimeProvider.GetTimestamp();
        if (_now < _nextDeadline)
        {
            return;
        }

        foreach (var request in _live.Where(r => r.DeadlineAt <= _now).ToArray())
        {
            EndRequest(request, new DeadlineExceededException(request.Options.Deadline!.Value, request.GeneratedTokens));
        }

        _nextDeadline = _live.Count == 0 ? long.MaxValue : _live.Min(r => r.DeadlineAt);
    }

    /// <summary>Ends a request wherever it is: its blocks go back to the pool, its reader gets an end or the error.</summary>
    private void EndRequest(GenerationRequest request, Exception? error)
    {
        _live.Remove(request);
        DetachSession(request, error);
        request.Sequences.ForEach(ForgetDrafts);
        _scheduler.Remove(request);
        _totals = error switch
        {
            null => _totals with { CompletedRequests = _totals.CompletedRequests + 1 },
            OperationCanceledException => _totals with { CancelledRequests = _totals.CancelledRequests + 1 },
            _ => _totals with { FailedRequests = _totals.FailedRequests + 1 },
        };
        if (error is null)
        {
            EngineMetrics.Record(_metrics.RequestDuration, Seconds(_options.TimeProvider.GetTimestamp() - request.SubmittedAt));
        }

        request.End(error);
    }

    /// <summary>Nobody else holds a block and still one lacks: a defect, which must not become a hang.</summary>
    private void FailUnplaceable(GenerationRequest request) =>
        EndRequest(request, new RequestFailedException($"The scheduler could not place the request in a pool of {_pool.Count} blocks.", null));
}
