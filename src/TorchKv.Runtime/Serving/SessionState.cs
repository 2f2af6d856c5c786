using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Serving;

/// <summary>What outlives a session's turns. Fields are read and written under a lock on the object itself; the table is the engine thread's.</summary>
internal sealed class SessionState(string? salt)
{
    public string? Salt { get; } = salt;

    public int[] Tokens { get; set; } = [];

    public bool IsBusy { get; set; }

    public bool IsDisposed { get; set; }

    /// <summary>The blocks between turns; null during a turn, and where they were taken back.</summary>
    public BlockTable? Table { get; set; }

    /// <summary>Tokens whose keys and values <see cref="Table"/> holds, for other threads to read.</summary>
    public int ResidentTokens { get; set; }

    /// <summary>Whether the blocks came from a file: a checksum is no proof of who wrote it, so others never get them from the index.</summary>
    public bool IsRestored { get; set; }
}
