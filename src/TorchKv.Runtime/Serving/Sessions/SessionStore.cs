using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Serving.Sessions;

/// <summary>
/// The blocks of sessions: lent to a request during a turn, kept between turns, released where the pool runs short.
/// </summary>
/// <remarks>On the engine's thread alone.</remarks>
internal sealed class SessionStore : IIdleBlocks
{
    private readonly KvBlocks _blocks;
    private readonly IModelRunner _runner;

    // Sessions between turns that have blocks, the one used longest ago first.
    private readonly LinkedList<SessionState> _idle = [];

    public SessionStore(KvBlocks blocks, IModelRunner runner)
    {
        _blocks = blocks;
        _runner = runner;
    }

    /// <summary>Lends a session's blocks to the request that is its next turn.</summary>
    /// <returns>The blocks, and whether they must stay private; null where the session has none.</returns>
    public (BlockTable? Table, bool KeepPrivate) BeginTurn(SessionState session)
    {
        lock (session)
        {
            var table = session.Table;
            if (table is not null)
            {
                _idle.Remove(session);
                session.Table = null;
            }

            return (table, session.IsRestored);
        }
    }

    /// <summary>
    /// Takes a turn's tokens and blocks when its request ends. After an error the session is what it was before the
    /// turn.
    /// </summary>
    /// <param name="session">The session.</param>
    /// <param name="turn">The turn's request, not ended yet.</param>
    /// <param name="tokens">The tokens that the session continues from; null: all of the turn's.</param>
    /// <param name="error">What ended it.</param>
    public void EndTurn(SessionState session, Request turn, int[]? tokens, Exception? error)
    {
        lock (session)
        {
            session.IsBusy = false;
            if (turn.State == RequestState.New)
            {
                // It never had the blocks. A turn that generates nothing has its prompt all the same.
                session.Tokens = error is null ? tokens ?? turn.Prompt : session.Tokens;
                return;
            }

            var sequence = turn.Sequences[0];
            sequence.KeepDrafts(0);
            var table = _blocks.Detach(sequence.Blocks);
            if (error is null or OperationCanceledException)
            {
                session.Tokens = tokens ?? sequence.Tokens.ToArray();
            }

            // The blocks hold the sequence's tokens; they are of use as far as these are the session's.
            var common = sequence.Tokens.CommonPrefixLength(session.Tokens);
            table.Truncate(Math.Min(table.TokenCount, common));
            Keep(session, table);
        }
    }

    /// <inheritdoc/>
    public bool TryRelease()
    {
        if (_idle.First is not { } first)
        {
            return false;
        }

        Release(first.Value);
        return true;
    }

    /// <summary>Releases the blocks of every session.</summary>
    public void ReleaseAll()
    {
        while (TryRelease())
        {
        }
    }

    /// <summary>Releases a session's blocks, where it has any.</summary>
    public void Release(SessionState session)
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

    /// <summary>A second session with the same tokens and salt; the two share their blocks.</summary>
    public SessionState Fork(SessionState session)
    {
        lock (session)
        {
            session.ThrowIfBusy();
            var fork = new SessionState(session.Salt) { Tokens = session.Tokens, IsRestored = session.IsRestored };
            if (session.Table is { } table)
            {
                Keep(fork, table.Fork());
            }

            return fork;
        }
    }

    /// <summary>Drops a session's tokens after the first ones.</summary>
    public void Rewind(SessionState session, int tokens)
    {
        lock (session)
        {
            session.ThrowIfBusy();
            if (tokens < 0 || tokens > session.Tokens.Length)
            {
                throw new RequestException(
                    $"The session holds {session.Tokens.Length} tokens; it cannot be rewound to {tokens}.");
            }

            session.Tokens = session.Tokens[..tokens];
            if (session.Table is { } table)
            {
                _idle.Remove(session);
                session.Table = null;
                table.Truncate(Math.Min(tokens, table.TokenCount));
                Keep(session, table);
            }
        }
    }

    /// <summary>Copies a session's tokens and blocks out, for a file.</summary>
    public SessionFile.Content Read(SessionState session)
    {
        lock (session)
        {
            session.ThrowIfBusy();
            var table = session.Table;
            var count = table is null ? 0 : BlockMath.BlocksFor(table.TokenCount, _runner.BlockSize);
            var bytes = new byte[checked((long)count * _runner.BytesPerBlock)];
            for (var i = 0; i < count; i++)
            {
                _runner.ReadBlock(table![i], bytes.AsSpan(checked(i * _runner.BytesPerBlock), _runner.BytesPerBlock));
            }

            return new SessionFile.Content(session.Salt, session.Tokens, table?.TokenCount ?? 0, bytes);
        }
    }

    /// <summary>
    /// Makes a session of a file's content. Where the pool has no room, its tokens are computed again in the next turn.
    /// </summary>
    public SessionState Write(SessionFile.Content content)
    {
        var session = new SessionState(content.Salt) { Tokens = content.Tokens, IsRestored = true };
        var table = _blocks.NewTable();
        if (content.Resident > 0 && table.TryReserve(content.Resident, out _))
        {
            try
            {
                for (var i = 0; i < table.BlockCount; i++)
                {
                    _runner.WriteBlock(
                        table[i], content.Blocks.Span.Slice(i * _runner.BytesPerBlock, _runner.BytesPerBlock));
                }

                table.Advance(content.Resident);
            }
            catch
            {
                // A table that was not advanced still has the blocks that were reserved.
                table.Clear();
                throw;
            }
        }

        Keep(session, table);
        return session;
    }

    /// <summary>Keeps a session's blocks until its next turn.</summary>
    private void Keep(SessionState session, BlockTable table)
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
}
