using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Serving.Sessions;

/// <summary>
/// What outlives a session's turns. Read and written under a lock on the object itself; only the engine's thread uses
/// the table.
/// </summary>
internal sealed class SessionState(string? salt)
{
    /// <summary>The salt of every turn, fork and save.</summary>
    public string? Salt { get; } = salt;

    /// <summary>Every token so far.</summary>
    public int[] Tokens { get; set; } = [];

    /// <summary>Whether a turn was submitted and has not ended.</summary>
    public bool IsBusy { get; set; }

    public bool IsDisposed { get; set; }

    /// <summary>The blocks between turns; null during a turn, and where they were released.</summary>
    public BlockTable? Table { get; set; }

    /// <summary>Tokens whose keys and values <see cref="Table"/> holds, for other threads to read.</summary>
    public int ResidentTokens { get; set; }

    /// <summary>
    /// Whether the blocks came from a file. A checksum does not prove who wrote the file, so the prefix index never
    /// gets these blocks: no other request may use them.
    /// </summary>
    public bool IsRestored { get; set; }

    /// <summary>Refuses what needs a session that is at rest. The caller has the lock.</summary>
    /// <exception cref="RequestException">The session was disposed, or is in the middle of a turn.</exception>
    public void ThrowIfBusy()
    {
        if (IsDisposed)
        {
            throw new RequestException("The session was disposed.");
        }

        if (IsBusy)
        {
            throw new RequestException(
                "The session is in the middle of a turn; read it to its end, or cancel it, first.");
        }
    }
}
