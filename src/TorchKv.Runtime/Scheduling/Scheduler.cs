using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Scheduling;

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
    private long _arrivals;

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

    private int Compare(ScheduledRequest? a, ScheduledRequest? b)
    {
        var order = a!.Priority.CompareTo(b!.Priority);
        if (order == 0 && Options.QueueOrder == QueueOrder.ShortestPromptFirst)
        {
            order = a.PromptLength.CompareTo(b.PromptLength);
        }

        return order != 0 ? order : a.Arrival.CompareTo(b.Arrival);
    }
}
