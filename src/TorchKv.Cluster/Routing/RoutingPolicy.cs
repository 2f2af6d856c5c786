using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using TorchKv.Runtime.Paging;

namespace TorchKv.Cluster.Routing;

/// <summary>
/// Chooses the replica of each request: the one that has most of the prompt computed already, as far as its load
/// allows. The router and the simulation use the same one.
/// </summary>
/// <remarks>
/// <para>
/// It knows what it gave each replica and what a probe last said, nothing else: no clock, no network, no threads. The
/// same calls in the same order give the same choices. Not thread-safe: a caller with several threads makes every call
/// under one lock. A call takes time in proportion to the blocks of the prompt and the logarithm of the replicas.
/// </para>
/// <para>
/// Load is counted in prompt tokens: of each request those still to be computed, and
/// <see cref="RoutingOptions.PrefillTokensPerRequest"/> for its being there.
/// </para>
/// </remarks>
internal sealed partial class RoutingPolicy
{
    private readonly RoutingOptions _options;
    private readonly PrefixHolders _holders = new();
    private readonly LoadTree _loads = new();
    private readonly TurnOrder _turns = new();
    private readonly List<ReplicaRecord?> _replicas = [];
    private readonly Stack<int> _free = new();
    private readonly List<int> _ready = [];
    private readonly List<int> _candidates = [];
    private SplitMix64 _random;
    private long _epochs;
    private long _readyLoad;

    /// <summary>A policy without replicas.</summary>
    /// <exception cref="Runtime.Contracts.OptionException">An option is out of its limits.</exception>
    public RoutingPolicy(RoutingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        _random = new SplitMix64(options.Seed);
    }

    /// <summary>Replicas that take requests.</summary>
    public int ReadyCount => _ready.Count;

    /// <summary>Different blocks that the index knows.</summary>
    public int KnownBlocks => _holders.BlockCount;

    /// <summary>Adds a replica that takes no requests yet (<see cref="SetState"/> says when it does).</summary>
    /// <param name="name">Its name. Routers that call it the same choose the same one among equals.</param>
    /// <param name="poolBlocks">Blocks in its pool; 0: it keeps no prefixes.</param>
    /// <returns>Its number, from 0; the number of a replica that was removed is given out again.</returns>
    public int Add(string name, int poolBlocks)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentOutOfRangeException.ThrowIfNegative(poolBlocks);
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(name), hash);
        var record = new ReplicaRecord(name, MemoryMarshal.Read<ulong>(hash)) { Epoch = ++_epochs };
        if (_free.TryPop(out var number))
        {
            _replicas[number] = record;
        }
        else
        {
            number = _replicas.Count;
            _replicas.Add(record);
        }

        _holders.Reset(number, poolBlocks);
        return number;
    }

    /// <summary>Forgets a replica.</summary>
    public void Remove(int replica)
    {
        SetState(replica, ReplicaState.Down);
        _holders.Reset(replica, 0);
        _replicas[replica] = null;
        _free.Push(replica);
    }

    /// <summary>
    /// A replica is a new process: it has no prefixes and no requests. Requests that it was given before no longer
    /// count, whenever they end. Its state stays.
    /// </summary>
    public void Restart(int replica, int poolBlocks)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(poolBlocks);
        var record = Record(replica);
        var state = record.State;
        SetState(replica, ReplicaState.Down);
        _holders.Reset(replica, poolBlocks);
        record.Epoch = ++_epochs;
        (record.Requests, record.PrefillTokens, record.OtherRequests) = (0, 0, 0);
        SetState(replica, state);
    }

    /// <summary>Says whether a replica takes requests. One that did not before is the next to take a new conversation.
    /// </summary>
    public void SetState(int replica, ReplicaState state)
    {
        var record = Record(replica);
        record.State = state;
        var isReady = state == ReplicaState.Ready;
        if (isReady == record.ReadyPlace >= 0)
        {
            return;
        }

        if (isReady)
        {
            record.ReadyPlace = _ready.Count;
            _ready.Add(replica);
            _turns.Add(replica);
            _readyLoad += LoadOf(record);
            _loads.Set(replica, LoadOf(record));
            return;
        }

        var last = _ready[^1];
        _ready[record.ReadyPlace] = last;
        Record(last).ReadyPlace = record.ReadyPlace;
        _ready.RemoveAt(_ready.Count - 1);
        record.ReadyPlace = -1;
        _turns.Remove(replica);
        _readyLoad -= LoadOf(record);
        _loads.Set(replica, LoadTree.Absent);
    }

    /// <summary>Takes a probe's answer, at the time when it comes.</summary>
    /// <param name="replica">The replica that was asked.</param>
    /// <param name="requests">Requests that run on it or wait, whoever gave them.</param>
    public void Probed(int replica, int requests)
    {
        // What this router gave it is known without delay; the probe adds what others gave it.
        var record = Record(replica);
        var before = LoadOf(record);
        record.OtherRequests = Math.Max(0, requests - record.Requests);
        LoadChanged(replica, record, before);
    }

    /// <summary>Counts a request for the replica that was chosen.</summary>
    /// <param name="choice">The choice.</param>
    /// <param name="blocks">Digests of the prompt's full blocks.</param>
    public RoutedRequest Start(in RouteChoice choice, ReadOnlySpan<BlockDigest> blocks)
    {
        var record = Record(choice.Replica);
        var request = new RoutedRequest(
            choice.Replica,
            record.Epoch,
            Math.Max(0, choice.PromptTokens - (choice.MatchedBlocks * _options.BlockSize)));
        var before = LoadOf(record);
        record.Requests++;
        record.PrefillTokens += request.PrefillTokens;
        LoadChanged(choice.Replica, record, before);
        if (choice.IsNewConversation && record.ReadyPlace >= 0)
        {
            _turns.Take(choice.Replica);
        }

        _holders.Use(choice.Replica, blocks);
        return request;
    }

    /// <summary>A request's first token came: its prompt is computed.</summary>
    public void FirstToken(RoutedRequest request)
    {
        if (Find(request) is { } record)
        {
            var before = LoadOf(record);
            record.PrefillTokens -= request.PrefillTokens;
            LoadChanged(request.Replica, record, before);
        }

        request.PrefillTokens = 0;
    }

    /// <summary>A request ended, in whatever way. A second call does nothing.</summary>
    /// <param name="request">The request.</param>
    /// <param name="blocks">
    /// Digests of the full blocks of prompt and generated tokens, which the replica has from now on; none where it
    /// failed.
    /// </param>
    public void End(RoutedRequest request, ReadOnlySpan<BlockDigest> blocks)
    {
        if (!request.HasEnded && Find(request) is { } record)
        {
            var before = LoadOf(record);
            record.Requests--;
            record.PrefillTokens -= request.PrefillTokens;
            LoadChanged(request.Replica, record, before);
            _holders.Use(request.Replica, blocks);
        }

        request.PrefillTokens = 0;
        request.HasEnded = true;
    }

    /// <summary>Requests that a replica is thought to have.</summary>
    public int RequestsOf(int replica) => Record(replica).Requests + Record(replica).OtherRequests;

    /// <summary>Blocks that a replica is thought to have.</summary>
    public int BlocksOf(int replica) => _holders.Count(replica);

    /// <summary>Whether a replica takes requests.</summary>
    public ReplicaState StateOf(int replica) => Record(replica).State;

    private ReplicaRecord Record(int replica) =>
        (uint)replica < (uint)_replicas.Count && _replicas[replica] is { } record
            ? record
            : throw new ArgumentOutOfRangeException(nameof(replica), replica, "No replica has this number.");

    /// <summary>The replica of a request; null where that process is gone.</summary>
    private ReplicaRecord? Find(RoutedRequest request) =>
        _replicas[request.Replica] is { } record && record.Epoch == request.Epoch ? record : null;

    private long LoadOf(ReplicaRecord record) =>
        (((long)record.Requests + record.OtherRequests) * _options.PrefillTokensPerRequest) + record.PrefillTokens;

    private void LoadChanged(int replica, ReplicaRecord record, long before)
    {
        if (record.ReadyPlace >= 0)
        {
            var load = LoadOf(record);
            _readyLoad += load - before;
            _loads.Set(replica, load);
        }
    }
}
