namespace TorchKv.Runtime.Scheduling;

/// <content>Admission and preemption.</content>
internal sealed partial class Scheduler
{
    /// <summary>Admits waiting requests in order of rank, as far as they fit; false where none was admitted.</summary>
    private bool Admit()
    {
        var admitted = false;
        while (_waiting.Min is { } request
            && PrefillLeft > 0
            && RunningSequences + Slots(request) <= Options.MaxRunningSequences)
        {
            var sequence = request.Leader!;
            _blocks.Adopt(
                sequence.Blocks,
                sequence.Committed,
                request.ScoresPrompt ? request.ScoredCount : int.MaxValue);
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
            StartRunning(request);
            admitted = true;
            if (request.CachedTokens < 0)
            {
                request.CachedTokens = Math.Min(sequence.Table.TokenCount, request.PromptLength);
                PrefixHitTokens += request.CachedTokens;
                PromptTokens += request.PromptLength;
            }

            // Where the index spared it the recompute, it decodes: PlanDecodes takes it in turn with the others.
            if (!IsDecoding(sequence) && !PlanPrompt(sequence))
            {
                break;
            }

            TrackInFlight(sequence);
        }

        foreach (var request in _deferred)
        {
            _waiting.Add(request);
        }

        _deferred.Clear();
        return admitted;
    }

    /// <summary>
    /// Whether the next block that a waiting request needs is computed now by a running one of better rank. It waits
    /// then: the index has the block a step later, and a prefix that many ask for at once is computed once.
    /// </summary>
    private bool IsBeingComputed(Request request, Sequence sequence)
    {
        var block = sequence.Blocks.Chain.LinkCount;
        return _inFlight.Count > 0
            && !request.ScoresPrompt
            && sequence.Table.TokenCount == block * _blocks.BlockSize
            && (block + 1) * _blocks.BlockSize < sequence.CommittedCount
            && _inFlight.TryGetValue(_blocks.NextDigest(sequence.Blocks, sequence.Committed)!.Value, out var other)
            && Compare(other, request) < 0;
    }

    /// <summary>
    /// Makes a waiting request's blocks available. Where that is impossible, it keeps only blocks that it had when it
    /// was added.
    /// </summary>
    private bool TryMakeRoom(Request request, Sequence sequence)
    {
        while (true)
        {
            // Every running sequence may need a block soon; to admit a request into the last ones would lead to a
            // preemption.
            var needed = _blocks.Needed(sequence.Blocks, sequence.Pending) + RunningSequences;
            if (_blocks.AvailableCount >= needed)
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
                    _blocks.Release(sequence.Blocks);
                }

                return false;
            }
        }
    }

    /// <summary>
    /// Preempts one running request of a lower priority and rank, where all of these together hold enough blocks.
    /// </summary>
    private bool TryPreemptFor(Request request, int needed)
    {
        Request? last = null;
        var available = _blocks.AvailableCount;
        for (var i = _running.Count - 1; i >= 0 && available < needed && Compare(_running[i], request) > 0; i--)
        {
            if (_running[i].Priority > request.Priority)
            {
                last ??= _running[i];
                foreach (var sequence in _running[i].Sequences)
                {
                    available += sequence.Table.BlockCount;
                }
            }
        }

        if (available < needed || last is null)
        {
            return false;
        }

        Preempt(last);
        return true;
    }

    /// <summary>
    /// Takes blocks from what does not run: from an idle session, else from another request that waits.
    /// </summary>
    private bool TryReclaim(Request asking)
    {
        if (_idle?.TryRelease() == true)
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

    private void Reclaim(Request waiting)
    {
        _blocks.Release(waiting.Leader!.Blocks);
        _waitingWithBlocks.Remove(waiting);
    }

    /// <summary>Remembers which block a sequence fills next while it computes its prompt.</summary>
    private void TrackInFlight(Sequence sequence)
    {
        if (!_blocks.FindsPrefixes)
        {
            return;
        }

        var request = sequence.Request;
        if (request.State != RequestState.Running
            || sequence.Pending <= 1
            || sequence.Blocks.Chain.IsClosed
            || _blocks.NextDigest(sequence.Blocks, sequence.Committed) is not { } digest)
        {
            ForgetInFlight(request);
            return;
        }

        if (request.InFlight != digest)
        {
            ForgetInFlight(request);
            if (_inFlight.TryAdd(digest, request))
            {
                request.InFlight = digest;
            }
        }
    }

    private void ForgetInFlight(Request request)
    {
        if (request.InFlight is { } digest)
        {
            _inFlight.Remove(digest);
            request.InFlight = null;
        }
    }

    /// <summary>Takes a running request out of the plan, releases its blocks and puts it back into the queue.</summary>
    private void Preempt(Request request)
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

        StopRunning(request);
        foreach (var sequence in request.Sequences)
        {
            if (!sequence.IsFinished)
            {
                sequence.KeepDrafts(0);
                _blocks.Release(sequence.Blocks);
            }
        }

        request.State = RequestState.Waiting;
        _waiting.Add(request);
        request.Preemptions++;
        PreemptionCount++;
    }

    private void StartRunning(Request request)
    {
        var at = _running.BinarySearch(request, _rank);
        _running.Insert(~at, request);
        RunningSequences += Slots(request);
        request.State = RequestState.Running;
    }

    private void StopRunning(Request request)
    {
        _running.RemoveAt(_running.BinarySearch(request, _rank));
        RunningSequences -= Slots(request);
        ForgetInFlight(request);
    }

    /// <summary>Takes a request out of the queue or out of the running ones, for good.</summary>
    private void Withdraw(Request request)
    {
        if (request.State == RequestState.Running)
        {
            StopRunning(request);
        }
        else if (request.State == RequestState.Waiting)
        {
            _waiting.Remove(request);
            _waitingWithBlocks.Remove(request);
        }

        request.State = RequestState.Finished;
    }

    /// <summary>The request's share of the running sequences: those that have not ended, forked yet or not.</summary>
    private static int Slots(Request request)
    {
        var slots = request.SequencesWanted;
        foreach (var sequence in request.Sequences)
        {
            slots -= sequence.IsFinished ? 1 : 0;
        }

        return slots;
    }
}
