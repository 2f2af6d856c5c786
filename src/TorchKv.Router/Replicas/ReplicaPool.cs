using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Internal;

namespace TorchKv.Router.Replicas;

/// <summary>The replicas that there are, how they are, and which of them a request goes to. Thread-safe.</summary>
internal sealed class ReplicaPool(ModelShape model, RoutingOptions routing, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly RoutingPolicy _policy = new(routing);
    private readonly Dictionary<Uri, Replica> _replicas = [];
    private TaskCompletionSource _changed = NewSignal();

    public int BlockSize => routing.BlockSize;

    /// <summary>The replicas of this moment.</summary>
    public IReadOnlyList<Replica> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _replicas.Values];
            }
        }
    }

    /// <summary>Replicas that take requests.</summary>
    public int UpCount
    {
        get
        {
            lock (_gate)
            {
                return _policy.ReadyCount;
            }
        }
    }

    /// <summary>Different blocks in the index of prefixes.</summary>
    public int KnownBlocks
    {
        get
        {
            lock (_gate)
            {
                return _policy.KnownBlocks;
            }
        }
    }

    /// <summary>Done at the next change of a replica's state.</summary>
    public Task Changed
    {
        get
        {
            lock (_gate)
            {
                return _changed.Task;
            }
        }
    }

    /// <summary>What the replicas together are.</summary>
    public GeneratorLoad Load
    {
        get
        {
            lock (_gate)
            {
                var up = _replicas.Values.Where(replica => replica is { IsUp: true, Status: not null })
                    .Select(replica => replica.Status!).ToArray();
                return new GeneratorLoad(
                    up.Sum(status => status.Queued),
                    up.Sum(status => status.Running),
                    up.Sum(status => status.FreeBlocks),
                    up.Sum(status => status.Blocks),
                    routing.BlockSize);
            }
        }
    }

    /// <summary>Takes the addresses that there are now.</summary>
    /// <returns>Replicas that were not there before.</returns>
    public IReadOnlyList<Replica> Update(IReadOnlyList<Uri> addresses)
    {
        lock (_gate)
        {
            foreach (var (address, replica) in _replicas.ToArray())
            {
                if (!addresses.Contains(address))
                {
                    _replicas.Remove(address);
                    replica.IsUp = false;
                    _policy.Remove(replica.Number);
                    replica.Gone.Cancel();
                }
            }

            var added = new List<Replica>();
            foreach (var address in addresses)
            {
                if (!_replicas.ContainsKey(address))
                {
                    var replica = new Replica(address, _policy.Add(address.Authority, 0));
                    _replicas.Add(address, replica);
                    added.Add(replica);
                }
            }

            return added;
        }
    }

    /// <summary>Takes what a replica says of itself.</summary>
    public void Heard(Replica replica, ReplicaStatus status)
    {
        lock (_gate)
        {
            if (replica.Gone.IsCancellationRequested)
            {
                return;
            }

            // A replica says how many blocks it has once its model is loaded.
            if (replica.Status?.StartId != status.StartId || replica.Status.Blocks != status.Blocks)
            {
                _policy.Restart(replica.Number, status.BlockSize == routing.BlockSize ? status.Blocks : 0);
            }

            replica.Status = status;
            replica.HeardAt = time.GetTimestamp();
            _policy.Probed(replica.Number, status.Queued + status.Running);
            Set(replica, status.State switch
            {
                "ready" when Fits(status) => ReplicaState.Ready,
                "draining" => ReplicaState.Draining,
                _ => ReplicaState.Down,
            });
        }
    }

    /// <summary>A replica did not answer, or a connection to it failed: it gets no requests until it answers.</summary>
    public void Lost(Replica replica)
    {
        lock (_gate)
        {
            if (!replica.Gone.IsCancellationRequested)
            {
                Set(replica, ReplicaState.Down);
            }
        }
    }

    /// <summary>A replica refuses work because it stops.</summary>
    public void Drains(Replica replica)
    {
        lock (_gate)
        {
            if (!replica.Gone.IsCancellationRequested)
            {
                Set(replica, ReplicaState.Draining);
            }
        }
    }

    /// <summary>Chooses a replica for a prompt and counts the request there.</summary>
    /// <param name="chain">The prompt.</param>
    /// <param name="excluded">Replicas that must not be chosen.</param>
    /// <param name="identity">
    /// The identity that the replica must have, since the stream goes on with what one of it began; null: any.
    /// </param>
    /// <returns>The place; null: no replica is ready but those.</returns>
    public Lease? TryLease(DigestChain chain, IReadOnlyCollection<Replica> excluded, string? identity)
    {
        lock (_gate)
        {
            int[] others =
            [
                .. excluded.Where(replica => !replica.Gone.IsCancellationRequested).Select(replica => replica.Number),
                .. identity is null
                    ? []
                    : _replicas.Values.Where(replica => replica.Status?.Identity != identity)
                        .Select(replica => replica.Number),
            ];
            if (!_policy.TryChoose(chain.Digests, chain.TokenCount, others, out var choice))
            {
                return null;
            }

            var replica = _replicas.Values.Single(replica => replica.Number == choice.Replica);
            return new Lease(replica, replica.Status!, _policy.Start(choice, chain.Digests), choice);
        }
    }

    /// <summary>A request's first token came.</summary>
    public void FirstToken(Lease lease)
    {
        lock (_gate)
        {
            _policy.FirstToken(lease.Request);
        }
    }

    /// <summary>A request ended.</summary>
    /// <param name="lease">Its place.</param>
    /// <param name="chain">Prompt and answer, which the replica has now; null: it failed.</param>
    public void End(Lease lease, DigestChain? chain)
    {
        lock (_gate)
        {
            _policy.End(lease.Request, chain is null ? default : chain.Digests);
        }
    }

    /// <summary>A replica of another model would take ids for other words.</summary>
    private bool Fits(ReplicaStatus status)
        => status.VocabSize == model.VocabSize && status.ContextLength == model.ContextLength;

    private void Set(Replica replica, ReplicaState state)
    {
        replica.IsUp = state == ReplicaState.Ready;
        if (_policy.StateOf(replica.Number) == state)
        {
            return;
        }

        _policy.SetState(replica.Number, state);
        var changed = _changed;
        _changed = NewSignal();
        changed.SetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
