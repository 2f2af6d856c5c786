namespace TorchKv.Router.Forwarding;

/// <summary>Why a replica's stream ended before its time.</summary>
internal enum LossReason
{
    /// <summary>No connection could be made.</summary>
    Connect,

    /// <summary>The connection broke, or ended in the middle.</summary>
    Broken,

    /// <summary>Nothing came for longer than the stall limit.</summary>
    Stall,

    /// <summary>The replica stops or is full, and said so.</summary>
    Refused,

    /// <summary>The replica failed on the request, and said so.</summary>
    Failed,

    /// <summary>What came is no stream of a replica, or contradicts itself.</summary>
    Garbled,
}
