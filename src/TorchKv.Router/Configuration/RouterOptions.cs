using System.Globalization;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Router.Configuration;

/// <summary>How a router finds replicas, and when it gives one up. Immutable.</summary>
internal sealed record RouterOptions
{
    /// <summary>
    /// Where the replicas are: URLs of their internal ports, or one of <c>dns:NAME:PORT</c> and
    /// <c>kubernetes:NAMESPACE/SERVICE[:PORT]</c>.
    /// </summary>
    public required IReadOnlyList<string> Replicas { get; init; }

    /// <summary>What replicas are shown; null: they know the router by their internal port.</summary>
    public string? InternalKey { get; init; }

    /// <summary>The PostgreSQL database that keeps the streams' token ids; null: this process's memory does.</summary>
    public string? Postgres { get; init; }

    /// <summary>Time between two questions to a replica how it is.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>A replica that does not answer for this long is given no requests.</summary>
    public TimeSpan ProbeTimeout { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Time between two look-ups of the replicas' addresses.</summary>
    public TimeSpan DiscoveryInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The least time of silence after which a stream goes on at another replica.</summary>
    public TimeSpan StallLimit { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>Silence of this many times the stream's own median gap is no stall.</summary>
    public double StallFactor { get; init; } = 10;

    /// <summary>
    /// The longest time without a token, after the first, of a replica that says that it is alive. A request that is
    /// computed again after a preemption may be silent for seconds.
    /// </summary>
    public TimeSpan TokenLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Attempts that may fail one after another without a token between them.</summary>
    public int MostAttempts { get; init; } = 8;

    /// <summary>How long a request waits for a replica that takes it, where none does.</summary>
    public TimeSpan WaitForReplica { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The same for a stream of which the client has a part.</summary>
    public TimeSpan WaitToResume { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Checks every option.</summary>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    public void Validate()
    {
        if (Replicas.Count == 0)
        {
            throw new OptionException("replicas", "none", "at least one address");
        }

        Check("probe_interval", ProbeInterval);
        Check("probe_timeout", ProbeTimeout);
        Check("connect_timeout", ConnectTimeout);
        Check("discovery_interval", DiscoveryInterval);
        Check("stall_limit", StallLimit);
        Check("token_limit", TokenLimit);
        Check("wait_for_replica", WaitForReplica);
        Check("wait_to_resume", WaitToResume);
        if (StallFactor is not (>= 1 and <= 1e6))
        {
            throw new OptionException(
                "stall_factor", StallFactor.ToString(CultureInfo.InvariantCulture), "1 to 1000000");
        }

        if (MostAttempts is < 1 or > 1000)
        {
            throw new OptionException(
                "most_attempts", MostAttempts.ToString(CultureInfo.InvariantCulture), "1 to 1000");
        }
    }

    private static void Check(string name, TimeSpan value)
    {
        if (value <= TimeSpan.Zero || value > TimeSpan.FromHours(1))
        {
            throw new OptionException(
                name, value.TotalSeconds.ToString(CultureInfo.InvariantCulture), "above 0 and at most 3600 seconds");
        }
    }
}
