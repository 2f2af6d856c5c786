using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Serving;

/// <content>Sessions: blocks that outlive a request.</content>
internal sealed partial class EngineLoop
{
    // Idle ones that hold blocks, the one used longest ago first.
    private readonly LinkedList<SessionState> _idle = [];

    /// <summary>Hands a session's blocks to the request that continues it.</summary>
    private void AttachSession(GenerationRequest request)
    {
        if (request.Session is not { } session)
        {
            return;
        }

        request.IsSessionAttached = true;
        lock (session)
        {
            if (session.Table is { } table)
            {
                _idle.Remove(session);
                session.Table = null;
                request.Leader!.Continue(table, session.IsRestored);
            }
        }
    }

    /// <summary>Takes the blocks back when the request ends. After an error the session is what it was before the turn.</summary>
    private void DetachSession(GenerationRequest request, Exception? error)
    {
        if (request.Session is not { } session)
        {
            return;
        }

        lock (session)
        {
            session.IsBusy = false;
            if (!request.IsSessionAttached)
            {
                return;
            }

            var sequence = request.Sequences[0];
            sequence.KeepDrafts(0);
            var table = sequence.TakeTable();
            if (error is null or OperationCanceledException)
            {
                session.Tokens = sequence.Tokens.ToArray();
            }

            table.Truncate(Math.Min(table.TokenCount, session.Tokens.Length));
            Park(session, table);
        }
    }

    private void Park(SessionState session, BlockTable table)
    {
        session.ResidentTokens = table.TokenCount;
        if (session.IsDisposed || table.TokenCount == 0)
        {
            table.Clear();
            session.ResidentTokens = 0;
            session.IsRestored = false;
            return;
        }

        session.Table = table;
        _idle.AddLast(session);
    }

    private bool ReclaimIdleSession()
    {
        if (_idle.First is not { } first)
        {
            return false;
        }

        ReleaseBlocks(first.Value);
        return true;
    }

    private void ReleaseSessions()
    {
        while (ReclaimIdleSession())
        {
        }
    }

    private void ReleaseBlocks(SessionState session)
    {
        lock (session)
        {
            if (session.Table is { } table)
            {
                _idle.Remove(session);
                table.Clear();
                session.Table = null;
                session.ResidentTokens = 0;
                session.IsRestored = false;
            }
        }
    }

    public Task<bool> DisposeSessionAsync(SessionState session) => InvokeAsync(() =>
    {
        ReleaseBlocks(session);
        return true;
    });

    public Task<SessionState> ForkSessionAsync(SessionState session) => InvokeAsync(() =>
    {
        lock (session)
        {
            ThrowIfBusy(session);
            var fork = new SessionState(session.Salt) { Tokens = session.Tokens, IsRestored = session.IsRestored };
            if (session.Table is { } table)
            {
                Park(fork, table.Fork());
            }

            return fork;
        }
    });

    public Task<bool> RewindSessionAsync(SessionState session, int tokens) => InvokeAsync(() =>
    {
        lock (session)
        {
            ThrowIfBusy(session);
            if (tokens < 0 || tokens > session.Tokens.Length)
            {
                throw new RequestException($"The session holds {session.Tokens.Length} tokens; it cannot be rewound to {tokens}.");
            }

            session.Tokens = session.Tokens[..tokens];
            if (session.Table is { } table)
            {
                _idle.Remove(session);
                session.Table = null;
                table.Truncate(Math.Min(tokens, table.TokenCount));
                Park(session, table);
            }

            return true;
        }
    });

    /// <summary>Copies a session's tokens and blocks out, for a file.</summary>
    public Task<(int[] Tokens, int Resident, byte[] Blocks)> ReadSessionAsync(SessionState session) => InvokeAsync(() =>
    {
        lock (session)
        {
            ThrowIfBusy(session);
            var table = session.Table;
            var count = table is null ? 0 : BlockTable.BlocksFor(table.TokenCount, _runner.BlockSize);
            var bytes = new byte[checked((long)count * _runner.BytesPerBlock)];
            for (var i = 0; i < count; i++)
            {
                _runner.ReadBlock(table![i], bytes.AsSpan(checked(i * _runner.BytesPerBlock), _runner.BytesPerBlock));
            }

            return (session.Tokens, table?.TokenCount ?? 0, bytes);
        }
    });

    /// <summary>Makes a session of what a file held. Where the pool has no room, its tokens are computed again when it goes on.</summary>
    public Task<SessionState> WriteSessionAsync(string? salt, int[] tokens, int resident, ReadOnlyMemory<byte> blocks) => InvokeAsync(() =>
    {
        var session = new SessionState(salt) { Tokens = tokens, IsRestored = true };
        var table = new BlockTable(_pool, _runner.BlockSize);
        if (resident > 0 && table.TryReserve(resident, out _))
        {
            try
            {
                for (var i = 0; i < table.BlockCount; i++)
                {
                    _runner.WriteBlock(table[i], blocks.Span.Slice(i * _runner.BytesPerBlock, _runner.BytesPerBlock));
                }

                table.Advance(resident);
            }
            catch
            {
                table.Clear();
                throw;
            }
        }

        Park(session, table);
        return session;
    });

    private static void ThrowIfBusy(SessionState session)
    {
        if (session.IsDisposed)
        {
            throw new RequestException("The session was disposed.");
        }

        if (session.IsBusy)
        {
            throw new RequestException("The session is in the middle of a turn; read it to its end, or cancel it, first.");
        }
    }
}
