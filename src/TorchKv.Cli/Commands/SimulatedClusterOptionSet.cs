using System.CommandLine;
using TorchKv.Cli.CommandLine;
using TorchKv.Simulation;
using TorchKv.Simulation.Replicas;

namespace TorchKv.Cli.Commands;

/// <summary>The options of a simulation of many replicas behind routers.</summary>
internal sealed class SimulatedClusterOptionSet
{
    /// <summary>The most rows of a table.</summary>
    public const int MostRows = 32;

    private const int MostExact = 1000;

    private static readonly (string Key, string Name, RouterKind Kind)[] s_kinds =
    [
        ("prefix", "prefix", RouterKind.Prefix),
        ("session", "session hash", RouterKind.SessionHash),
        ("head", "head hash", RouterKind.HeadHash),
        ("two-choices", "two choices", RouterKind.TwoChoices),
        ("round-robin", "round robin", RouterKind.RoundRobin),
        ("random", "random", RouterKind.OneChoice),
        ("least-probed", "least probed", RouterKind.LeastProbed),
    ];

    private readonly Option<int?> _replicas = Values.Integer(
        "--replicas", "N", 1, ClusterLimits.MostReplicas, "N replicas behind routers, asked by conversations of turns");
    private readonly Option<string?> _routing = Values.Text(
        "--routing",
        "A,B",
        $"out of {string.Join(", ", s_kinds.Select(kind => kind.Key))} (prefix,session,head,two-choices,round-robin)");
    private readonly Option<int[]?> _routers = Values.Integers(
        "--routers", "N,M", 1, "routers, several numbers to compare (1)");
    private readonly Option<bool> _scatter = Values.Flag(
        "--scatter", "each turn comes to any router, not to its conversation's");
    private readonly Option<int[]?> _probe = Values.Integers(
        "--probe-ms", "N,M", 0, "from one probe of a replica to the next, several to compare; 0: no delay (100)");
    private readonly Option<string?> _model = Values.OneOf(
        "--replica-model",
        ["scheduler", "flow"],
        $"the engine's scheduler, or an approximation without block tables (flow above {MostExact} replicas)");
    private readonly Option<int[]?> _turns = Values.Integers(
        "--turns", "A,B", 1, "a conversation has A to B turns (1,6)");
    private readonly Option<float?> _think = Values.Real(
        "--think", "S", "from 0 to 100000", value => value is >= 0 and <= 1e5f, "seconds between turns, mean (10)");
    private readonly Option<float?> _replace = Values.Real(
        "--replace-every", "S", "from 0 to 1e9", value => value is >= 0 and <= 1e9f, "each dies every S s (never)");
    private readonly Option<float?> _restart = Values.Real(
        "--restart", "S", "from 0 to 1000000", value => value is >= 0 and <= 1e6f, "a dead one is back after S (5)");
    private readonly Option<double[]?> _rack = Values.Reals(
        "--rack-loss", "AT,PERCENT", 2, "so many replicas die at once, AT seconds after the start");
    private readonly Option<double[]?> _join = Values.Reals(
        "--join", "AT,PERCENT", 2, "so many of the replicas are there only from then on");
    private readonly Option<double[]?> _slow = Values.Reals(
        "--slow", "PERCENT,FACTOR", 2, "so many replicas are that many times slower");
    private readonly Option<double[]?> _flash = Values.Reals(
        "--flash-crowd", "AT,S,FACTOR", 3, "for S seconds, FACTOR times as many conversations, on one opening");

    /// <summary>What is simulated.</summary>
    public IReadOnlyList<Option> Cluster => [_replicas, _routing, _routers, _scatter, _probe, _model];

    /// <summary>What is asked, beside the options of a synthetic workload.</summary>
    public IReadOnlyList<Option> Chats => [_turns, _think];

    /// <summary>What happens.</summary>
    public IReadOnlyList<Option> Faults => [_replace, _restart, _rack, _join, _slow, _flash];

    /// <summary>Replicas; null: the simulation is of one scheduler.</summary>
    public int? Replicas(ParseResult parsed) => parsed.GetValue(_replicas);

    /// <summary>Refuses options of this set where no replicas are simulated.</summary>
    /// <exception cref="UsageException">One is given.</exception>
    public void CheckAbsent(ParseResult parsed)
    {
        var stray = Cluster.Concat(Chats).Concat(Faults)
            .FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false });
        if (stray is not null)
        {
            throw new UsageException($"{stray.Name} goes with --replicas N.");
        }
    }

    /// <summary>Gives the rows to simulate.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="engine">Scheduling, pool and costs of a replica.</param>
    /// <param name="chats">Requests, rate and lengths.</param>
    /// <param name="seed">Seed of what is left to chance.</param>
    /// <exception cref="UsageException">A value cannot be, or there would be too many rows.</exception>
    public IReadOnlyList<SimulatedCluster> Read(
        ParseResult parsed, SimulationOptions engine, ChatOptions chats, int seed)
    {
        var replicas = parsed.GetValue(_replicas)!.Value;
        var turns = parsed.GetList(_turns);
        var options = new ClusterOptions
        {
            Replicas = replicas,
            Kind = (parsed.GetValue(_model) ?? (replicas > MostExact ? "flow" : "scheduler")) == "flow"
                ? ReplicaKind.Flow
                : ReplicaKind.Scheduler,
            Engine = engine,
            IsSticky = !parsed.GetValue(_scatter),
            Seed = (ulong)seed,
            ReplaceSeconds = parsed.GetValue(_replace) ?? 0,
            RestartSeconds = parsed.GetValue(_restart) ?? 5,
            RackLoss = parsed.GetReals(_rack) is { } rack ? (rack[0], rack[1] / 100) : null,
            Join = parsed.GetReals(_join) is { } join ? (join[0], join[1] / 100) : null,
            Slow = parsed.GetReals(_slow) is { } slow ? (slow[0] / 100, slow[1]) : null,
            Chats = chats with
            {
                Turns = turns switch
                {
                    null => chats.Turns,
                    [var one] => (one, one),
                    [var least, var most] when least <= most => (least, most),
                    _ => throw new UsageException("--turns takes A,B with A at most B."),
                },
                ThinkSeconds = parsed.GetValue(_think) ?? chats.ThinkSeconds,
                FlashCrowd = parsed.GetReals(_flash) is { } flash ? (flash[0], flash[1], flash[2]) : null,
            },
        };
        var routers = (parsed.GetList(_routers) ?? [1]).Distinct().ToArray();
        var probes = (parsed.GetList(_probe) ?? [100]).Distinct().ToArray();
        var kinds = ReadKinds(parsed.GetValue(_routing));
        var count = (long)kinds.Count * routers.Length * probes.Length;
        if (count > MostRows)
        {
            throw new UsageException(
                $"{count} combinations of routing, routers and probes, but a table has at most {MostRows} rows.");
        }

        return
        [
            .. from kind in kinds
               from number in routers
               from probe in probes
               select new SimulatedCluster(
                   kind.Name,
                   options with { Policy = kind.Kind, Routers = number, ProbeSeconds = probe * 1e-3 }),
        ];
    }

    private static IReadOnlyList<(string Name, RouterKind Kind)> ReadKinds(string? asked)
    {
        var keys = (asked ?? "prefix,session,head,two-choices,round-robin")
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Distinct(StringComparer.Ordinal)
            .ToArray();
        var names = string.Join(", ", s_kinds.Select(kind => kind.Key));
        if (keys.Length == 0)
        {
            throw new UsageException($"--routing takes names out of {names}.");
        }

        return
        [
            .. keys.Select(key => Array.Find(s_kinds, kind => kind.Key == key) is { Name: not null } found
                ? (found.Name, found.Kind)
                : throw new UsageException($"--routing '{Values.Shorten(key)}' is none of {names}.")),
        ];
    }
}
