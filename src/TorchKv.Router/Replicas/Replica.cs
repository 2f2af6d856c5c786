using TorchKv.Server.Internal;

namespace TorchKv.Router.Replicas;

/// <summary>One replica as its router knows it.</summary>
/// <param name="address">Its internal port.</param>
/// <param name="number">Its number in the routing policy.</param>
internal sealed class Replica(Uri address, int number)
{
    public Uri Address => address;

    public int Number => number;

    /// <summary>What it said of itself when it was last asked; null: it never answered.</summary>
    public ReplicaStatus? Status { get; set; }

    /// <summary>Its own name where it has said one, else its address.</summary>
    public string Name => Status?.Name ?? address.Authority;

    /// <summary>When it last answered, as a timestamp.</summary>
    public long HeardAt { get; set; }

    /// <summary>Whether it takes requests.</summary>
    public bool IsUp { get; set; }

    /// <summary>Ends the probes of a replica that is no longer there.</summary>
    public CancellationTokenSource Gone { get; } = new();
}
