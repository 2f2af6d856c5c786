using System.CommandLine;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Serving;
using TorchKv.Runtime.Files;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>
/// <c>cluster</c>: what several replicas behind a router do when replicas die, stop, join and are slow.
/// </summary>
internal sealed class ClusterCommand : Command
{
    private static readonly string[] s_parts =
    [
        "hop", "kill", "stop", "all-but-one", "during-resume", "alarms", "router-kill", "restart", "join", "slow",
        "affinity", "peers",
    ];

    private readonly Option<bool> _quick = BenchOption.Quick();
    private readonly Option<string?> _json = BenchOption.Json();
    private readonly Option<bool> _markdown = new("--markdown") { Description = "prints the table in Markdown" };
    private readonly Option<int> _streams = BenchOption.Number("--streams", 1, 1024, 64, "streams at once");
    private readonly Option<int> _tokens = BenchOption.Number("--tokens", 40, 440, 200, "tokens of a stream");
    private readonly Option<int> _rounds = BenchOption.Number("--rounds", 1, 1000, 20, "random kill points");
    private readonly Option<int> _seed = BenchOption.Number("--seed", 0, int.MaxValue, 1, "of the kill points");
    private readonly Option<string?> _postgres = BenchOption.Text(
        "--postgres", "CONNECTION", "a database for the routers' token logs (none)");
    private readonly Option<string[]> _only = BenchOption.Several("--only", s_parts, s_parts, "some of the rows");

    public ClusterCommand()
        : base("cluster", "The figures of several replicas behind a router.")
    {
        Option[] options = [_quick, _json, _markdown, _streams, _tokens, _rounds, _seed, _postgres, _only];
        foreach (var option in options)
        {
            Options.Add(option);
        }

        SetAction((parsed, _) => RunAsync(parsed));
    }

    private async Task<int> RunAsync(ParseResult parsed)
    {
        var figures = new List<Figure>();
        foreach (var (part, measure) in Rows(parsed))
        {
            if (!parsed.GetValue(_only)!.Contains(part))
            {
                continue;
            }

            foreach (var figure in await measure())
            {
                Console.Error.WriteLine($"  {figure.What}: {figure.Shown} ({figure.Detail})");
                figures.Add(figure);
            }
        }

        if (parsed.GetValue(_markdown))
        {
            ClusterTable.Write(Console.Out, figures);
        }
        else
        {
            FigureTable.Write(Console.Out, figures);
        }

        if (parsed.GetValue(_json) is { } json)
        {
            AtomicFile.WriteText(json, FigureTable.Json(figures, ReplicaSet.Storyteller, threads: 1) + "\n");
        }

        return 0;
    }

    private IEnumerable<(string Part, Func<Task<Figure[]>> Measure)> Rows(ParseResult parsed)
    {
        var quick = parsed.GetValue(_quick);
        var streams = parsed.GetValue(_streams);
        var tokens = quick ? Math.Min(100, parsed.GetValue(_tokens)) : parsed.GetValue(_tokens);
        var rounds = parsed.GetValue(_rounds);
        var few = quick ? 1 : Math.Max(1, rounds / 4);
        var kills = new KillRows(streams, tokens, parsed.GetValue(_seed));
        TimeSpan Seconds(int full, int quickly) => TimeSpan.FromSeconds(quick ? quickly : full);
        return
        [
            ("hop", () => HopRows.Cost(quick ? 100 : 400, warm: quick ? 2 : 1, quick ? 1 : 2)),
            ("kill", () => kills.Kill(quick ? 2 : rounds)),
            ("stop", () => kills.Stop(quick ? 1 : Math.Min(few, 3))),
            ("all-but-one", () => kills.KillAllButOne(few)),
            ("during-resume", () => kills.KillDuringResume(few)),
            ("alarms", () => kills.FalseAlarms(quick ? 1 : 2)),
            ("router-kill", () => RouterKillRows.Kill(streams, tokens, quick ? 1 : 3, parsed.GetValue(_postgres))),
            ("restart", () => ChangeRows.Restart(quick ? 1 : 3)),
            ("join", () => ChangeRows.Join(Seconds(20, 6), Seconds(30, 8))),
            ("slow", () => ChangeRows.Slow(Seconds(20, 6))),
            ("affinity", () => AffinityRows.Hits(quick ? 24 : 96)),
            ("peers", () => kills.Peers(quick ? 1 : 3)),
        ];
    }
}
