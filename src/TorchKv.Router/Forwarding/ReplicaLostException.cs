using TorchKv.Server.Errors;

namespace TorchKv.Router.Forwarding;

/// <summary>A replica's stream ended before its time; another replica may go on with it.</summary>
internal sealed class ReplicaLostException(LossReason reason, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    public LossReason Reason => reason;

    /// <summary>What the replica said; null: it said nothing.</summary>
    public ApiException? Error { get; init; }
}
