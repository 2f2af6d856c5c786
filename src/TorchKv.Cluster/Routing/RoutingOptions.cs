using System.Globalization;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cluster.Routing;

/// <summary>How a request's replica is chosen. Immutable.</summary>
internal sealed record RoutingOptions
{
    /// <summary>Tokens in a KV block; the same as the replicas'.</summary>
    public int BlockSize { get; init; } = 16;

    /// <summary>
    /// What load counts against a prefix hit: a replica's score is matched blocks / prompt blocks − this · load / mean
    /// load.
    /// </summary>
    public double LoadWeight { get; init; } = 0.25;

    /// <summary>A replica is given a request while its load stays within this times the mean load.</summary>
    public double LoadBound { get; init; } = 1.25;

    /// <summary>
    /// Requests that a replica may have above the bound, and up to which its load does not count against a prefix hit:
    /// where the mean is one request, a second one is no reason to compute a prompt again.
    /// </summary>
    public int LoadMargin { get; init; } = 4;

    /// <summary>Replicas out of those that have a prefix of the prompt, the longest first, that are compared.</summary>
    public int HolderCandidates { get; init; } = 8;

    /// <summary>Replicas chosen at random that are compared with them.</summary>
    public int RandomCandidates { get; init; } = 2;

    /// <summary>
    /// Prompt tokens still to be computed that count as one more request: as many as fill one step of the engine.
    /// </summary>
    public int PrefillTokensPerRequest { get; init; } = 512;

    /// <summary>
    /// A replica that was given none of the last (this · replicas) new conversations is given the next one, even where
    /// another one has the conversation's opening. So each gets a share of at least 1 / this of a fair one.
    /// </summary>
    public double NewConversationSpread { get; init; } = 1.5;

    /// <summary>Seed of the random candidates.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Checks every option.</summary>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    public void Validate()
    {
        Check("block_size", BlockSize, BlockSize is >= 1 and <= 65_536, "1 to 65536");
        Check("load_weight", LoadWeight, LoadWeight is >= 0 and <= 1e6, "0 to 1000000");
        Check("load_bound", LoadBound, LoadBound is >= 1 and <= 1e6, "1 to 1000000");
        Check("load_margin", LoadMargin, LoadMargin is >= 0 and <= 1_000_000, "0 to 1000000");
        Check("holder_candidates", HolderCandidates, HolderCandidates is >= 0 and <= 64, "0 to 64");
        Check("random_candidates", RandomCandidates, RandomCandidates is >= 0 and <= 64, "0 to 64");
        Check(
            "prefill_tokens_per_request",
            PrefillTokensPerRequest,
            PrefillTokensPerRequest is >= 1 and <= 1_000_000,
            "1 to 1000000");
        Check(
            "new_conversation_spread",
            NewConversationSpread,
            NewConversationSpread is >= 1 and <= 1e6,
            "1 to 1000000");

        static void Check(string name, double value, bool holds, string limits)
        {
            if (!holds)
            {
                throw new OptionException(name, value.ToString(CultureInfo.InvariantCulture), limits);
            }
        }
    }
}
