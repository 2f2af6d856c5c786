using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Scheduling;

/// <summary>
/// Decides what each step runs: continuous batching with chunked prefill, priorities and preemption by recompute. It
/// knows tokens as integers and blocks as numbers, no tensors and no clock.
/// </summary>
/// <remarks>
/// <para>
/// A sequence is tokens, of which the first <c>Table.TokenCount</c> have keys and values. A step computes some of the
/// rest; when none is left, the last one's logits give the next token. Prefill, decode, the recompute after a
/// preemption and the verification of drafts are all this one case.
/// </para>
/// <para>
/// A step first takes every sequence that decodes, then running prompts, then waiting ones, each in order of rank.
/// Where the pool is empty, idle sessions give their blocks back first, then the running request of the last rank is
/// preempted: its blocks are released (the index keeps the full ones as long as no other request needs them) and it
/// waits again under its old rank. The first in rank can therefore always continue.
/// </para>
/// <para>Not thread-safe.</para>
/// </remarks>
internal sealed partial class Scheduler
{
    private readonly KvBlocks _blocks;
    private readonly IIdleBlocks? _idle;
    private readonly List<Request> _running = [];
    private readonly SortedSet<Request> _waiting;
    private readonly List<Request> _deferred = [];

    // Requests that continue a session, hold its blocks, and have not run yet.
    private readonly List<Request> _waitingWithBlocks = [];
    private readonly Dictionary<BlockDigest, Request> _inFlight = [];
    private readonly Comparer<Request> _rank;
    private long _arrivals;
    private long _steps;

    /// <summary>A scheduler without requests.</summary>
    /// <param name="options">How steps are filled.</param>
    /// <param name="blocks">The blocks that it gives out.</param>
    /// <param name="idle">Blocks that are released before a request is preempted.</param>
    public Scheduler(SchedulingOptions options, KvBlocks blocks, IIdleBlocks? idle = null)
    {
        options.Validate();
        Options = options;
        _blocks = blocks;
        _idle = idle;
        _rank = Comparer<Request>.Create(Compare);
        _waiting = new SortedSet<Request>(_rank);
    }

    public SchedulingOptions Options { get; }

    /// <summary>Requests that take part in steps, by rank.</summary>
    public IReadOnlyList<Request> Running => _running;

    /// <summary>Requests that wait to be admitted, by rank.</summary>
    public IEnumerable<Request> Waiting => _waiting;

    public int WaitingCount => _waiting.Count;

    /// <summary>Sequences of the running requests, those still to be forked included.</summary>
    public int RunningSequences { get; private set; }

    public long PreemptionCount { get; private set; }

    /// <summary>Prompt tokens of admitted requests that the prefix index had.</summary>
    public long PrefixHitTokens { get; private set; }

    /// <summary>Prompt tokens of admitted requests.</summary>
    public long PromptTokens { get; private set; }

    /// <summary>
    /// The most blocks that a request can come to hold: its prompt once, everything after it per sequence.
    /// </summary>
    /// <param name="promptTokens">Tokens of the prompt.</param>
    /// <param name="totalTokens">Tokens of prompt and generation whose keys and values are stored.</param>
    /// <param name="sequences">Samples or beams.</param>
    /// <param name="blockSize">Tokens in a block.</param>
    public static long WorstCaseBlocks(int promptTokens, int totalTokens, int sequences, int blockSize)
    {
        var shared = promptTokens / blockSize;
        return shared + ((long)sequences * (BlockMath.BlocksFor(totalTokens, blockSize) - shared));
    }

    /// <summary>Puts a request into the queue.</summary>
    /// <param name="request">The request.</param>
    /// <param name="continued">
    /// The blocks of a session that it continues, the request's from now on; null: none.
    /// </param>
    /// <param name="keepPrivate">Whether the index must not get these blocks.</param>
    public void Add(Request request, BlockTable? continued = null, bool keepPrivate = false)
    {
        if (request.State != RequestState.New)
        {
            throw new InvalidOperationException("A request is added once.");
        }

        request.Arrival = _arrivals++;
        request.Level = request.Priority + (Options.PriorityAgingSteps is { } steps ? _steps / steps : 0);
        request.State = RequestState.Waiting;
        var sequence = new Sequence(request, 0, request.Prompt, _blocks.NewSequence(request.Root));
        request.Sequences.Add(sequence);
        _waiting.Add(request);
        if (continued is not null)
        {
            _blocks.Continue(sequence.Blocks, continued, sequence.Committed, keepPrivate);
            if (sequence.Table.BlockCount > 0)
            {
                _waitingWithBlocks.Add(request);
            }
        }
    }

    /// <summary>Ends a request in whatever state it is, and releases its blocks.</summary>
    public void EndRequest(Request request)
    {
        Withdraw(request);
        foreach (var sequence in request.Sequences)
        {
            if (!sequence.IsFinished)
            {
                _blocks.Release(sequence.Blocks);
                sequence.End();
            }
        }
    }

    /// <summary>Ends a sequence, and its request with the last one.</summary>
    public void EndSequence(Sequence sequence)
    {
        var request = sequence.Request;
        if (request.State == RequestState.Running)
        {
            RunningSequences--;
        }

        _blocks.Release(sequence.Blocks);
        sequence.End();
        if (request.Leader is null)
        {
            Withdraw(request);
        }
    }

    /// <summary>Adds a sequence that continues where another one is, over the same blocks.</summary>
    public Sequence Fork(Sequence parent)
    {
        var request = parent.Request;
        if (request.Sequences.Count >= request.SequencesWanted)
        {
            throw new InvalidOperationException($"The request was admitted with {request.SequencesWanted} sequences.");
        }

        var child = parent.Fork(request.Sequences.Count, _blocks.Fork(parent.Blocks));
        request.Sequences.Add(child);
        return child;
    }

    /// <summary>
    /// Lets each sequence of a request continue from where one of them is: beams that replace each other.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="parents">For each sequence the one that it continues.</param>
    public void Reorder(Request request, ReadOnlySpan<int> parents)
    {
        // All new ones first, since a beam that ends may be the parent of one that replaces another.
        var replaced = new List<(int Place, Sequence Sequence)>();
        for (var i = 0; i < parents.Length; i++)
        {
            if (parents[i] != i)
            {
                var parent = request.Sequences[parents[i]];
                replaced.Add((i, parent.Fork(i, _blocks.Fork(parent.Blocks))));
            }
        }

        foreach (var (place, sequence) in replaced)
        {
            _blocks.Release(request.Sequences[place].Blocks);
            request.Sequences[place] = sequence;
        }
    }

    /// <summary>Counts a row's tokens as computed, and puts blocks that are full by now into the index.</summary>
    public void Complete(in PlannedRow row)
    {
        var sequence = row.Sequence;
        _blocks.Computed(sequence.Blocks, sequence.Committed, row.Count);
        TrackInFlight(sequence);
    }

    /// <summary>Drops the drafts that are left, and releases their blocks.</summary>
    public void RejectDrafts(Sequence sequence)
    {
        sequence.KeepDrafts(0);
        _blocks.Truncate(sequence.Blocks, sequence.Committed);
    }

    /// <summary>Takes a block from a sequence that was to be filled by a copy, since the copy failed.</summary>
    public void DropCopy(Sequence owner, BlockCopy copy) => _blocks.DropFrom(owner.Blocks, copy.Destination);

    private int Compare(Request? a, Request? b)
    {
        // An order that does not change with time, though every waiting request ages: all age equally.
        var order = a!.Level.CompareTo(b!.Level);
        if (order == 0 && Options.QueueOrder == QueueOrder.ShortestPromptFirst)
        {
            order = a.PromptLength.CompareTo(b.PromptLength);
        }

        return order != 0 ? order : a.Arrival.CompareTo(b.Arrival);
    }
}
