namespace TorchKv.Runtime.Scheduling;

/// <content>Who is let in, and at whose expense.</content>
internal sealed partial class Scheduler
{
    /// <summary>Lets waiting requests in, as far as they fit; false where none was.</summary>
    private bool Admit()
    {
        var admitted = false;
        while (_waiting.Min is { } request && PrefillLeft > 0 && RunningSequences + Slots(request) <= Options.MaxRunningSequences)
        {
            var sequence = request.Leader!;
            if (_pool.Prefixes is { } index)
            {
                sequence.AdoptCachedBlocks(index, request.ScoresPrompt ? request.ScoredCount : int.MaxValue);
            }

            if (IsBeingComputed(request, sequence))
            {
                Reclaim(request);
                _waiting.Remove(request);
                _deferred.Add(request);
                continue;
            }

            if (!TryMakeRoom(request, sequence))
            {
                break;
            }

            _waiting.Remove(request);
            _waitingWithBlocks.Remove(request);
            Enter(request);
            admitted = true;
            if (request.CachedTokens < 0)
            {
                request.CachedTokens = Math.Min(sequence.Table.TokenCount, request.PromptLength);
                PrefixHitTokens += request.CachedTokens;
                PromptTokens += request.PromptLength;
            }

            // What goes on decoding, since the index spared it the recompute, takes its turn with the others.
            if (!IsDecoding(sequence) && !PlanPrompt(sequence))
            {
                break;
            }

            if (_pool.Prefixes is not null)
            {
                TrackInFlight(sequence);
            }
        }

        foreach (var request in _deferred)
        {
            _waiting.Add(request);
        }

        _deferred.Clear();
        return admitted;
    }

    /// <summary>
    /// Whether the next block that a waiting request needs is what a running one of better rank computes now: then it is
    /// found in the index a step later, and a prefix that many ask for at once is computed once.
    /// </summary>
    private bool IsBeingComputed(ScheduledRequest request, Sequence sequence)
    {
        var block = sequence.LinkCount;
        return _inFlight.Count > 0
            && !request.ScoresPrompt
            && sequence.Table.TokenCount == block * _blockSize
            && (block + 1) * _blockSize < sequence.CommittedCount
            && _inFlight.TryGetValue(sequence.Digest(_pool.Prefixes!, block), out var other)
            && Compare(other, request) < 0;
    }

    /// <summary>Sees to it that a waiting request's blocks are there; where that cannot be, it keeps none it did not bring.</summary>
    private bool TryMakeRoom(ScheduledRequest request, Sequence sequence)
    {
        while (true)
        {
            // Every running sequence may need a block soon; admitting into the last ones would only preempt somebody.
            var needed = sequence.Table.BlocksNeeded(sequence.Pending) + RunningSequences;
            if (_pool.AvailableCount >= needed)
            {
                return true;
            }

            if (!TryReclaim(request) && !TryPreemptFor(request, needed))
            {
                if (_running.Count == 0)
                {
                    return true;
                }

                if (!_waitingWithBlocks.Contains(request))
                {
                    sequence.ReleaseBlocks();
                }

                return false;
            }
        }
    }

    /// <summary>Preempts a request of a lower priority, where all of them together hold enough.</summary>
    private bool TryPreemptFor(ScheduledRequest request, int needed)
    {
        var held = _pool.AvailableCount;
        for (var i = _running.Count - 1; i >= 0 && _running[i].Priority > request.Priority && held < needed; i--)
        {
            foreach (var sequence in _running[i].Sequences)
            {
                held += sequence.Table.BlockCount;
            }
        }

        if (held < needed || _running.Count == 0 || _running[^1].Priority <= request.Priority)
        {
            return false;
        }

        Preempt(_running[^1]);
        return true;
    }

    /// <summary>Takes blocks from those who do not run: idle conversations, then ones that wait.</summary>
    private bool TryReclaim(ScheduledRequest asking)
    {
        if (ReclaimIdle?.Invoke() == true)
        {
            return true;
        }

        for (var i = _waitingWithBlocks.Count - 1; i >= 0; i--)
        {
            if (_waitingWithBlocks[i] != asking)
            {
                Reclaim(_waitingWithBlocks[i]);
                return true;
            }
        }

        return false;
    }

    private void Reclaim(ScheduledRequest waiting)
    {
        waiting.Leader!.ReleaseBlocks();
        _waitingWithBlocks.Remove(waiting);
    }

    private void TrackInFlight(Sequence sequence)
    {
        var request = sequence.Request;
        var block = sequence.LinkCount;
        if (request.State != RequestState.Running || sequence.Pending <= 1 || sequence.ChainBroken || (block + 1) * _blockSize > sequence.CommittedCount)
        {
            ForgetInFlight(request);
            return;
        }

        var digest = sequence.Digest(_pool.Prefixes!, block);
        if (request.InFlight != digest)
        {
            ForgetInFlight(request);
            if (_inFlight.TryAdd(digest, request))
            {
                request.InFlight = digest;
            }
        }
    }

    private void ForgetInFlight(ScheduledRequest request)
    {
        if (request.InFlight is { } digest)
        {
            _inFlight.Remove(digest);
            request.InFlight = null;
        }
    }

    private void Preempt(ScheduledRequest request)
    {
        for (var i = _plan.Rows.Count - 1; i >= 0; i--)
        {
            var row = _plan.Rows[i];
            if (row.Sequence.Request == request)
            {
                _plan.TokenCount -= row.Count;
                _plan.LogitsCount -= row.LogitsCount;
                if (IsDecoding(row.Sequence))
                {
                    _plan.DecodeRows--;
                    _decodeTokens -= row.Count;
                }

                _plan.Rows.RemoveAt(i);
            }
        }

        Exit(request);
        foreach (var sequence in request.Sequences)
        {
            if (!sequence.IsFinished)
            {
                sequence.KeepDrafts(0);
                sequence.ReleaseBlocks();
            }
        }

        request.State = RequestState.Waiting;
        _waiting.Add(request);
        PreemptionCount++;
    }

    private void Enter(ScheduledRequest request)
    {
        var at = _running.BinarySearch(request, _rank);
        _running.Insert(~at, request);
        RunningSequences += Slots(request);
        request.State = RequestState.Running;
    }

    private void Exit(ScheduledRequest request)
    {
        _running.RemoveAt(_running.BinarySearch(request, _rank));
        RunningSequences -= Slots(request);
        ForgetInFlight(request);
    }

    private void Leave(ScheduledRequest request)
    {
        if (request.State == RequestState.Running)
        {
            Exit(request);
        }
        else if (request.State == RequestState.Waiting)
        {
            _waiting.Remove(request);
            _waitingWithBlocks.Remove(request);
        }

        request.State = RequestState.Finished;
    }

    private static int Slots(ScheduledRequest request)
    {
        var slots = request.BranchCount;
        foreach (var sequence in request.Sequences)
        {
            slots -= sequence.IsFinished ? 1 : 0;
        }

        return slots;
    }
}
