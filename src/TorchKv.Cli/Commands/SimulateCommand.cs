using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Plotting;
using TorchKv.Cli.Simulation;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime;

namespace TorchKv.Cli.Commands;

/// <summary>Scheduling policies at a scale that no machine here has.</summary>
internal sealed class SimulateCommand : CliCommand
{
    public const string CommandName = "simulate";

    private readonly Option<string?> _trace = Values.Text("--trace", "FILE", "requests: a line is {\"arrival\": s, \"prompt_tokens\": n, \"new_tokens\": n}");
    private readonly Option<bool> _synthetic = Values.Flag("--synthetic", "makes requests up, with the next five options");
    private readonly Option<int?> _requests = Values.Integer("--requests", "N", 1, Workload.MaxRequests, "how many (2000)");
    private readonly Option<float?> _rate = Values.Real("--rate", "R", "above 0, at most 1000000", value => value is > 0 and <= 1e6f, "requests a second (200)");
    private readonly Option<int[]?> _promptTokens = Values.Integers("--prompt-tokens", "A,B", 1, "prompts have A to B tokens (16,200)");
    private readonly Option<int[]?> _newTokens = Values.Integers("--new-tokens", "A,B", 1, "and generate A to B (100,300)");
    private readonly Option<int?> _shared = Values.Integer("--shared-prefix", "N", 0, Workload.MaxTokens, "N tokens before every prompt are the same (0)");
    private readonly Option<int?> _seed = Values.Integer("--seed", "S", 0, int.MaxValue, "of what is made up (1)");
    private readonly Option<int?> _blocks = Values.Integer("--blocks", "N", 1, 1 << 24, "blocks of 16 tokens in the pool (8192)");
    private readonly Option<int?> _budget = Values.Integer("--max-tokens-per-step", "N", 1, 65_536, "the token budget of a step (2048)");
    private readonly Option<int?> _running = Values.Integer("--max-running", "N", 1, 65_536, "the most sequences that run at once (256)");
    private readonly Option<float?> _stepMs = Values.Real("--step-ms", "X", "from 0 to 60000", value => value is >= 0 and <= 60_000, "a step's fixed cost (5)");
    private readonly Option<float?> _tokenUs = Values.Real("--token-us", "X", "from 0 to 1000000", value => value is >= 0 and <= 1_000_000, "cost of a token computed (5)");
    private readonly Option<float?> _contextNs = Values.Real("--context-ns", "X", "from 0 to 1000000", value => value is >= 0 and <= 1_000_000, "cost of an earlier token that is read (20)");
    private readonly Option<string?> _plot = Values.Text("--plot", "FILE.svg", "draws the requests that wait against time");
    private readonly Option<bool> _json = Values.Flag("--json", "one JSON object on standard output");

    public SimulateCommand(CliConsole console)
        : base(console, CommandName, "A workload through the real scheduler in virtual time, policy beside policy.")
    {
        AddGroup("Workload", _trace, _synthetic, _requests, _rate, _promptTokens, _newTokens, _shared, _seed);
        AddGroup("Machine", _blocks, _budget, _running, _stepMs, _tokenUs, _contextNs);
        AddGroup("Output", _plot, _json);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv simulate --synthetic --rate 200 --plot waiting.svg", "four policies on 2,000 requests"),
        ("torchkv simulate --synthetic --shared-prefix 512 --blocks 2000", "a shared system prompt, a small pool"),
    ];

    public override IReadOnlyList<string> Notes =>
    [
        "No model runs: a step takes step-ms + token-us · tokens + context-ns · tokens read, in time that passes only there. Scheduler, pool and prefix index are the engine's own. Times are seconds of that time; 'first' is from submission to a request's first token, 'next' from one token to the next, both as the median and the 99th percentile; 'hits' is the share of prompt tokens found in the prefix cache.",
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var requests = ReadWorkload(parsed);
        var blocks = parsed.GetValue(_blocks) ?? 8192;
        var longest = requests.Max(request => request.PromptTokens + request.NewTokens);
        if (longest > blocks * 16L)
        {
            throw new TorchKvException(string.Create(CultureInfo.InvariantCulture, $"a request takes {longest} tokens, but {blocks} blocks hold {blocks * 16L}; --blocks {(longest + 15) / 16} at least."));
        }

        var cost = new CostModel((parsed.GetValue(_stepMs) ?? 5) * 1e-3, (parsed.GetValue(_tokenUs) ?? 5) * 1e-6, (parsed.GetValue(_contextNs) ?? 20) * 1e-9);
        if (cost is { Step: 0, Token: 0 })
        {
            throw new UsageException("--step-ms and --token-us are both 0: time would not pass.");
        }

        var results = new List<SimulationResult>();
        foreach (var policy in Policies(parsed.GetValue(_budget) ?? 2048, parsed.GetValue(_running) ?? 256))
        {
            using var progress = new ProgressLine(Console, policy.Name, 1);
            results.Add(await Simulation.Simulation.RunAsync(requests, policy, blocks, cost, cancellationToken).ConfigureAwait(false));
        }

        if (parsed.GetValue(_plot) is { } plot)
        {
            await File.WriteAllTextAsync(plot, Svg(results), cancellationToken).ConfigureAwait(false);
        }

        if (parsed.GetValue(_json))
        {
            WriteJson(results);
        }
        else
        {
            WriteTable(requests, results);
        }

        return ExitCodes.Done;
    }

    private static Policy[] Policies(int budget, int running)
    {
        var common = new SchedulingOptions { MaxTokensPerStep = budget, MaxRunningSequences = running, MaxLogitsPerStep = running, MaxQueuedRequests = Workload.MaxRequests };
        return
        [
            new("first come", common),
            new("whole prompts", common with { PrefillTokensBesideDecodes = budget }),
            new("shortest first", common with { QueueOrder = QueueOrder.ShortestPromptFirst }),
            new("no prefix cache", common with { PrefixCaching = false }),
        ];
    }

    private static string Svg(List<SimulationResult> results) => new LineChart(
        "Requests that wait",
        "seconds of virtual time",
        "requests",
        [.. results.Select(result => new ChartSeries(result.Policy, [.. result.Waiting.Select(point => (point.Seconds, point.Waiting))]))]).ToSvg();

    private static (int Least, int Most) Range(int[]? values, (int Least, int Most) otherwise, string name) => values switch
    {
        null => otherwise,
        [var one] when one <= Workload.MaxTokens => (one, one),
        [var least, var most] when least <= most && most <= Workload.MaxTokens => (least, most),
        _ => throw new UsageException($"{name} takes A,B with A at most B and B at most {Workload.MaxTokens}."),
    };

    private IReadOnlyList<SimulatedRequest> ReadWorkload(ParseResult parsed)
    {
        var trace = parsed.GetValue(_trace);
        if (trace is null != parsed.GetValue(_synthetic))
        {
            throw new UsageException("one workload, please: --trace FILE or --synthetic.");
        }

        if (trace is not null)
        {
            return Workload.Read(trace);
        }

        return Workload.Make(
            parsed.GetValue(_requests) ?? 2000,
            parsed.GetValue(_rate) ?? 200,
            Range(parsed.GetList(_promptTokens), (16, 200), "--prompt-tokens"),
            Range(parsed.GetList(_newTokens), (100, 300), "--new-tokens"),
            parsed.GetValue(_shared) ?? 0,
            parsed.GetValue(_seed) ?? 1);
    }

    private void WriteTable(IReadOnlyList<SimulatedRequest> requests, List<SimulationResult> results)
    {
        Console.Out.WriteLine(Console.OutStyle.Dim(string.Create(
            CultureInfo.InvariantCulture,
            $"{requests.Count:N0} requests in {requests[^1].Arrival:F1} s, {requests.Sum(request => (long)request.PromptTokens):N0} prompt and {requests.Sum(request => (long)request.NewTokens):N0} new tokens")));
        var table = Tables.Create("policy", "tok/s", "first", "p99", "next", "p99", "hits", "preempt");
        foreach (var result in results)
        {
            table.AddRow(
                result.Policy,
                result.TokensPerSecond.ToString("N0", CultureInfo.InvariantCulture),
                Seconds(result.FirstToken, 0.5),
                Seconds(result.FirstToken, 0.99),
                Seconds(result.InterToken, 0.5),
                Seconds(result.InterToken, 0.99),
                (result.PrefixHitShare * 100).ToString("F0", CultureInfo.InvariantCulture) + " %",
                result.Stats.Preemptions.ToString("N0", CultureInfo.InvariantCulture));
        }

        Tables.Write(Console, table);
    }

    private void WriteJson(List<SimulationResult> results) => Console.WriteJson(writer =>
    {
        writer.WriteStartArray("policies");
        foreach (var result in results)
        {
            writer.WriteStartObject();
            writer.WriteString("policy", result.Policy);
            writer.WriteNumber("seconds", Math.Round(result.Seconds, 6));
            writer.WriteNumber("tokens_per_second", Math.Round(result.TokensPerSecond, 3));
            writer.WriteNumber("first_token_p50", SimulationResult.Percentile(result.FirstToken, 0.5));
            writer.WriteNumber("first_token_p99", SimulationResult.Percentile(result.FirstToken, 0.99));
            writer.WriteNumber("inter_token_p50", SimulationResult.Percentile(result.InterToken, 0.5));
            writer.WriteNumber("inter_token_p99", SimulationResult.Percentile(result.InterToken, 0.99));
            writer.WriteNumber("prefix_hit_share", Math.Round(result.PrefixHitShare, 6));
            writer.WriteNumber("preemptions", result.Stats.Preemptions);
            writer.WriteNumber("refused", result.Refused);
            writer.WriteNumber("completed", result.Stats.CompletedRequests);
            writer.WriteNumber("generated_tokens", result.Stats.GeneratedTokens);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    });

    private static string Seconds(IReadOnlyList<double> sorted, double share) =>
        SimulationResult.Percentile(sorted, share) switch
        {
            < 1 and var short_ => (short_ * 1000).ToString(short_ < 0.1 ? "F1" : "F0", CultureInfo.InvariantCulture) + " ms",
            var long_ => long_.ToString("F1", CultureInfo.InvariantCulture) + " s",
        };
}
