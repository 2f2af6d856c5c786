using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime;

/// <summary>
/// Decides what each step runs: continuous batching with chunked prefill, priorities and preemption by recompute. It knows
/// tokens as integers and blocks as numbers, no tensors and no clock.
/// </summary>
/// <remarks>
/// <para>
/// A sequence is tokens, of which the first <c>Table.TokenCount</c> have keys and values. A step computes some of the
/// rest; when none is left, the last one's logits give the next token. Prefill, decode, the recompute after a preemption
/// and the verification of drafts are all this one case.
/// </para>
/// <para>
/// A step first takes every sequence that decodes, then running prompts, then waiting ones, each in order of rank. Where
/// the pool is empty, idle conversations give their blocks back first, then the running request of the last rank is
/// preempted: its blocks are released (the index keeps the full ones as long as nobody needs them) and it waits again
/// under its old rank. The first in rank can therefore always go on.
/// </para>
/// <para>Not thread-safe.</para>
/// </remarks>
internal sealed partial class Scheduler
{
    private readonly BlockPool _pool;
    private readonly int _blockSize;
    private readonly List<ScheduledRequest> _running = [];
    private readonly SortedSet<ScheduledRequest> _waiting;
    private readonly List<ScheduledRequest> _deferred = [];

    // Requests that go on from a conversation's blocks and have not run yet.
    private readonly List<ScheduledRequest> _waitingWithBlocks = [];
    private readonly Dictionary<BlockDigest, ScheduledRequest> _inFlight = [];
    private readonly Comparer<ScheduledRequest> _rank;
    private readonly StepPlan _plan = new();
    private long _arrivals;

    // Of the plan so far: tokens in rows that decode, and sequences that may still come to decode.
    private int _decodeTokens;
    private int _decodesLeft;

    public Scheduler(SchedulingOptions options, BlockPool pool, int blockSize)
    {
        options.Validate();
        Options = options;
        _pool = pool;
        _blockSize = blockSize;
        _rank = Comparer<ScheduledRequest>.Create(Compare);
        _waiting = new SortedSet<ScheduledRequest>(_rank);
    }

    public SchedulingOptions Options { get; }

    /// <summary>Asked for blocks before anybody is preempted; returns whether it released any hold.</summary>
    public Func<bool>? ReclaimIdle { get; init; }

    public IReadOnlyList<ScheduledRequest> Running => _running;

    public IEnumerable<ScheduledRequest> Waiting => _waiting;

    public int WaitingCount => _waiting.Count;

    public int RunningSequences { get; private set; }

    public long PreemptionCount { get; private set; }

    /// <summary>Prompt tokens of admitted requests that the prefix index had.</summary>
    public long PrefixHitTokens { get; private set; }

    /// <summary>Prompt tokens of admitted requests.</summary>
    public long PromptTokens { get; private set; }

    /// <summary>The most blocks that a request can come to hold: its prompt once, everything after it per sequence.</summary>
    /// <param name="promptTokens">Tokens of the prompt.</param>
    /// <param name="totalTokens">Tokens of prompt and generation whose keys and values are stored.</param>
    /// <param name="branches">Sequences.</param>
    /// <param name="blockSize">Tokens in a block.</param>
    public static long WorstCaseBlocks(int promptTokens, int totalTokens, int branches, int blockSize)
    {
        var shared = promptTokens / blockSize;
        return shared + ((long)branches * (BlockTable.BlocksFor(totalTokens, blockSize) - shared));
    }

    /// <summary>Puts a request into the queue.</summary>
    public void Add(ScheduledRequest request)
    {
        if (request.State != RequestState.New)
        {
            throw new InvalidOperationException("A request is added once.");
        }

        request.Arrival = _arrivals++;
        request.State = RequestState.Waiting;
        _waiting.Add(request);
        if (request.Leader!.Table.BlockCount > 0)
        {
            _waitingWithBlocks.Add(request);
        }
    }

    /// <summary>Ends a request wherever it is, and gives every block back.</summary>
    public void Remove(ScheduledRequest request)
    {
        Leave(request);
        foreach (var sequence in request.Sequences)
        {
            if (!sequence.IsFinished)
            {
                sequence.Finish();
            }
        }
    }

    /// <summary>Ends a sequence, and its request with the last one.</summary>
    public void Finish(Sequence sequence)
    {
        var request = sequence.Request;
        if (request.State == RequestState.Running)
        {
            RunningSequences--;
        }

        sequence.Finish();
        if (request.Leader is null)
        {
            Leave(request);
        }
    }

    /// <summary>Adds a sequence that continues where another one is, over the same blocks.</summary>
    public Sequence Fork(Sequence parent)
    {
        var request = parent.Request;
        if (request.Sequences.Count >= request.BranchCount)
        {
            throw new InvalidOperationException($"The request was admitted with {request.BranchCount} sequences.");
        }

        var child = new Sequence(request, request.Sequences.Count, parent.Tokens, new BlockTable(_pool, _blockSize));
        child.CopyFrom(parent);
        request.Sequences.Add(child);
        return child;
    }

    /// <summary>Lets each sequence of a request go on from where one of them is: beams that replace each other.</summary>
    /// <param name="request">The request.</param>
    /// <param name="parents">For each sequence the one that it continues.</param>
    public void Reorder(ScheduledRequest request, ReadOnlySpan<int> parents)
    {
        // All new ones first, since a beam that ends may be the parent of one that replaces another.
        var replaced = new List<(int Place, Sequence Sequence)>();
        for (var i = 0; i < parents.Length; i++)
        {
            if (parents[i] != i)
            {
                var parent = request.Sequences[parents[i]];
                var child = new Sequence(request, i, parent.Tokens, new BlockTable(_pool, _blockSize));
                child.CopyFrom(parent);
                replaced.Add((i, child));
            }
        }

        foreach (var (place, sequence) in replaced)
        {
            request.Sequences[place].ReleaseBlocks();
            request.Sequences[place] = sequence;
        }
    }

    /// <summary>Counts a row's tokens as computed, and puts blocks that are full by now into the index.</summary>
    public void Complete(in PlannedRow row)
    {
        var sequence = row.Sequence;
        sequence.Table.Advance(row.Count);
        if (_pool.Prefixes is { } index)
        {
            sequence.PublishFullBlocks(index);
            TrackInFlight(sequence);
        }
    }

    /// <summary>Forgets the drafts that are left, and gives their blocks back.</summary>
    public void RejectDrafts(Sequence sequence)
    {
        sequence.KeepDrafts(0);
        sequence.Table.Truncate(Math.Min(sequence.Table.TokenCount, sequence.Count));
        if (_pool.Prefixes is { } index)
        {
            sequence.PublishFullBlocks(index);
        }
    }

    /// <summary>Plans the next step and reserves its blocks. The plan is good until the next call.</summary>
    public StepPlan Plan()
    {
        _plan.Clear();
        var preemptions = PreemptionCount;
        bool admitted;
        do
        {
            PlanDecodes();
            PlanRunningPrompts();
            admitted = PreemptionCount == preemptions && Admit();
        }
        while (admitted && _plan.IsEmpty);

        return _plan;
    }

    private int Compare(ScheduledRequest? a, ScheduledRequest? b)
    {
        var order = a!.Priority.CompareTo(b!.Priority);
        if (order == 0 && Options.QueueOrder == QueueOrder.ShortestPromptFirst)
        {
            order = a.PromptLength.CompareTo(b.PromptLength);
        }

        return order != 0 ? order : a.Arrival.CompareTo(b.Arrival);
    }

    private int TokensLeft => Options.MaxTokensPerStep - _plan.TokenCount;

    private int LogitsLeft => Options.MaxLogitsPerStep - _plan.LogitsCount;

    private int PrefillLeft => _plan.DecodeRows == 0 ? TokensLeft : Math.Min(TokensLeft, Options.PrefillTokensBesideDecodes - (_plan.TokenCount - _decodeTokens));


    private void PlanDecodes()
    {
        _decodeTokens = 0;
        _decodesLeft = RunningSequences;
        for (var i = 0; i < _running.Count; i++)
        {
            var request = _running[i];
            if (request.Lockstep && request.Sequences.Count > 1)
            {
                PlanLockstep(request);
            }
            else
            {
                foreach (var sequence in request.Sequences)
                {
                    if (sequence.IsFinished)
                    {
                        continue;
                    }

                    _decodesLeft--;
                    if (IsDecoding(sequence) && !TryPlanDecode(sequence))
                    {
                        break;
                    }
                }
            }

            if (request.State != RequestState.Running)
            {
                // It preempted itself, which only the last in rank does.
                break;
            }
        }
    }

    /// <summary>Whether one token's computation gives a sequence its next one.</summary>
    public static bool IsDecoding(Sequence sequence) => !sequence.IsFinished && sequence.Pending == 1 && sequence.CommittedCount > sequence.Request.PromptLength;

    private bool TryPlanDecode(Sequence sequence)
    {
        if (TokensLeft < 1 || LogitsLeft < 1)
        {
            return false;
        }

        // A guess is never worth the place of a sequence that decodes, nor somebody else's block.
        var drafts = Math.Clamp(Math.Min(TokensLeft, LogitsLeft) - 1 - _decodesLeft, 0, sequence.DraftCount);
        sequence.KeepDrafts(_pool.AvailableCount < sequence.Table.BlocksNeeded(1 + drafts) ? 0 : drafts);
        var count = 1 + sequence.DraftCount;
        if (!TryReserve(sequence, count))
        {
            Preempt(sequence.Request);
            return false;
        }

        AddRow(sequence, count, sequence.DraftCount > 0 ? LogitsWanted.All : LogitsWanted.Last, decode: true);
        return true;
    }

    private void PlanLockstep(ScheduledRequest request)
    {
        var live = 0;
        foreach (var sequence in request.Sequences)
        {
            if (!sequence.IsFinished)
            {
                if (!IsDecoding(sequence))
                {
                    return;
                }

                live++;
            }
        }

        if (TokensLeft < live || LogitsLeft < live)
        {
            return;
        }

        foreach (var sequence in request.Sequences)
        {
            if (sequence.IsFinished)
            {
                continue;
            }

            if (!TryReserve(sequence, 1))
            {
                Preempt(request);
                return;
            }

            AddRow(sequence, 1, LogitsWanted.Last, decode: true);
        }
    }

    private void PlanRunningPrompts()
    {
        for (var i = 0; i < _running.Count && PrefillLeft > 0; i++)
        {
            var request = _running[i];
            for (var s = 0; s < request.Sequences.Count && request.State == RequestState.Running; s++)
            {
                var sequence = request.Sequences[s];
                if (!sequence.IsFinished && !IsDecoding(sequence) && sequence.Pending > 0)
                {
                    PlanPrompt(sequence);
                }
            }
        }
    }

    /// <summary>Plans the next piece of a prompt, or of what a preempted sequence has to compute again.</summary>
    private bool PlanPrompt(Sequence sequence)
    {
        var request = sequence.Request;
        if (sequence.Table.TokenCount == 0 && request.Leader is { } leader && leader != sequence && !TryShareWithLeader(sequence, leader))
        {
            return false;
        }

        // A beam stops one short, so that all beams take their last token in one step.
        var wanted = sequence.Pending - (request.Lockstep && request.Sequences.Count > 1 ? 1 : 0);
        var count = Math.Min(wanted, PrefillLeft);
        if (count <= 0)
        {
            return false;
        }

        var position = sequence.Table.TokenCount;
        var logits = position + count == sequence.CommittedCount ? LogitsWanted.Last : LogitsWanted.None;
        if (request.ScoresPrompt && position + count > request.ScoredCount && position < request.PromptLength)
        {
            // Logits of every position: the piece is as long as the logits buffer allows, and ends with the prompt.
            count = Math.Min(count, Math.Min(LogitsLeft, request.PromptLength - position));
            logits = LogitsWanted.All;
        }
        else if (logits == LogitsWanted.Last && LogitsLeft == 0)
        {
            count--;
            logits = LogitsWanted.None;
        }

        if (count <= 0 || !TryReserve(sequence, count))
        {
            return false;
        }

        AddRow(sequence, count, logits, decode: false);
        return true;
    }

    private bool TryShareWithLeader(Sequence sequence, Sequence leader)
    {
        var shared = Math.Min(sequence.Request.PromptLength, sequence.CommittedCount - 1);
        if (leader.Table.TokenCount < shared)
        {
            return false;
        }

        // The prompt's blocks are the leader's and no others, though the index may have the same in another block: a request
        // was admitted with its prompt counted once.
        if (_pool.Prefixes is { } index)
        {
            sequence.ShareBlocks(leader, shared - (shared % _blockSize));
            sequence.AdoptCachedBlocks(index, int.MaxValue);
            if (sequence.Table.TokenCount >= shared)
            {
                return true;
            }
        }

        sequence.ShareBlocks(leader, shared);
        return true;
    }

    private bool TryReserve(Sequence sequence, int count)
    {
        BlockCopy? copy;
        while (!sequence.Table.TryReserve(count, out copy))
        {
            if (TryReclaim(sequence.Request))
            {
                continue;
            }

            var last = _running[^1];
            if (last == sequence.Request)
            {
                _plan.Unplaceable = _running.Count == 1 ? last : null;
                return false;
            }

            Preempt(last);
        }

        if (copy is { } made)
        {
            _plan.Copies.Add((sequence, made));
        }

        return true;
    }

    private void AddRow(Sequence sequence, int count, LogitsWanted logits, bool decode)
    {
        var row = new PlannedRow(sequence, sequence.Table.TokenCount, count, logits);
        _plan.Rows.Add(row);
        _plan.TokenCount += count;
        _plan.LogitsCount += row.LogitsCount;
        if (decode)
        {
            _plan.DecodeRows++;
            _decodeTokens += count;
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
