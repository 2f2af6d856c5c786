using System.Globalization;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Simulation.Replicas;

/// <summary>The limits of <see cref="ClusterOptions"/>.</summary>
internal static class ClusterLimits
{
    /// <summary>The most replicas.</summary>
    public const int MostReplicas = 100_000;

    /// <summary>The most routers.</summary>
    public const int MostRouters = 1_000;

    /// <summary>The most blocks that all pools together may have: what the memory of a machine holds.</summary>
    public const long MostBlocks = 1L << 26;

    /// <summary>The most replacements of replicas.</summary>
    public const double MostKills = 1_000_000;

    /// <summary>How many replacements there are in the time in which the requests come.</summary>
    public static double Kills(ClusterOptions options) => options.ReplaceSeconds > 0
        ? options.Replicas * (options.Chats.Requests / options.Chats.RequestsPerSecond / options.ReplaceSeconds)
        : 0;

    /// <summary>Checks every option.</summary>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    public static void Check(ClusterOptions options)
    {
        var chats = options.Chats;
        Holds("replicas", options.Replicas, options.Replicas is >= 1 and <= MostReplicas, $"1 to {MostReplicas}");
        Holds("routers", options.Routers, options.Routers is >= 1 and <= MostRouters, $"1 to {MostRouters}");
        Holds("blocks", options.Engine.BlockCount, options.Engine.BlockCount >= 1, "at least 1");
        Holds(
            "replicas times blocks",
            (double)options.Replicas * options.Engine.BlockCount,
            (long)options.Replicas * options.Engine.BlockCount <= MostBlocks,
            $"at most {MostBlocks}");
        Holds("probe_seconds", options.ProbeSeconds, options.ProbeSeconds is >= 0 and <= 1e6, "0 to 1000000");
        Holds("replace_seconds", options.ReplaceSeconds, options.ReplaceSeconds is >= 0 and <= 1e9, "from 0");
        Holds(
            "replacements of replicas",
            Kills(options),
            Kills(options) <= MostKills,
            $"at most {MostKills} in the time in which the requests come");
        Holds("restart_seconds", options.RestartSeconds, options.RestartSeconds is >= 0 and <= 1e6, "from 0");
        Share("rack_loss", options.RackLoss?.Share);
        Share("join", options.Join?.Share);
        Share("slow", options.Slow?.Share);
        Holds("slow_factor", options.Slow?.Factor ?? 1, (options.Slow?.Factor ?? 1) is >= 1 and <= 1e4, "1 to 10000");
        Holds(
            "requests",
            chats.Requests,
            chats.Requests is >= 1 and <= SimulatedWorkload.MaxRequests,
            $"1 to {SimulatedWorkload.MaxRequests}");
        Holds("rate", chats.RequestsPerSecond, chats.RequestsPerSecond is > 0 and <= 1e9, "above 0 and finite");
        Holds("openings", chats.Openings, chats.Openings is >= 1 and <= 1 << 20, $"1 to {1 << 20}");
        Range("turns", chats.Turns, 10_000);
        Range("message_tokens", chats.MessageTokens, SimulatedRequest.MaxTokens);
        Range("new_tokens", chats.NewTokens, SimulatedRequest.MaxTokens);
        Holds(
            "flash_crowd",
            chats.FlashCrowd?.Factor ?? 1,
            (chats.FlashCrowd?.Factor ?? 1) is >= 1 and <= 1000,
            "1 to 1000 times as many");
        var longest = chats.OpeningTokens
            + ((long)chats.Turns.Most * ((long)chats.MessageTokens.Most + chats.NewTokens.Most));
        var fits = (long)options.Engine.BlockCount * options.Engine.BlockSize;
        Holds(
            "tokens of the longest conversation",
            longest,
            chats.OpeningTokens >= 0
                && (chats.Trace is not null || options.Kind == ReplicaKind.Queue || longest <= fits),
            $"at most the {fits} that a pool holds");
        Holds(
            "trace",
            chats.Trace is null ? 0 : 1,
            chats.Trace is null || options.Kind == ReplicaKind.Flow,
            "lengths without a limit need replicas that are simulated as a flow");
        options.Engine.Scheduling.Validate();

        static void Share(string name, double? value) =>
            Holds(name, value ?? 0, (value ?? 0) is >= 0 and < 1, "a share from 0 to below 1");

        static void Range(string name, (int Least, int Most) range, int most)
        {
            Holds(name, range.Least, range.Least >= 1, "at least 1");
            Holds(name, range.Most, range.Most >= range.Least && range.Most <= most, $"{range.Least} to {most}");
        }

        static void Holds(string name, double value, bool holds, string limits)
        {
            if (!holds)
            {
                throw new OptionException(name, value.ToString(CultureInfo.InvariantCulture), limits);
            }
        }
    }
}
