using System.CommandLine;
using System.Globalization;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Plotting;
using TorchKv.Cli.Terminal;
using TorchKv.Plotting;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Files;
using TorchKv.Runtime.Scheduling;
using TorchKv.Simulation;
using TorchKv.Simulation.Replicas;

namespace TorchKv.Cli.Commands;

/// <summary>
/// The command <c>simulate</c>: runs the scheduler without a model on large workloads, to compare scheduling policies,
/// or many replicas behind routers, to compare routing policies.
/// </summary>
internal sealed class SimulateCommand : CliCommand
{
    public const string CommandName = "simulate";

    private const int BlockSize = 16;

    private readonly Option<string?> _trace = Values.Text(
        "--trace", "FILE", "requests: a line is {\"arrival\": s, \"prompt_tokens\": n, \"new_tokens\": n}");
    private readonly Option<bool> _synthetic = Values.Flag(
        "--synthetic", "makes requests up, with the next seven options");
    private readonly Option<int?> _requests = Values.Integer(
        "--requests", "N", 1, SimulatedWorkload.MaxRequests, "how many (2000)");
    private readonly Option<float?> _rate = Values.Real(
        "--rate", "R", "above 0, at most 1000000", value => value is > 0 and <= 1e6f, "requests a second (200)");
    private readonly Option<int[]?> _promptTokens = Values.Integers(
        "--prompt-tokens", "A,B", 1, "prompts have A to B tokens (16,200)");
    private readonly Option<int[]?> _newTokens = Values.Integers(
        "--new-tokens", "A,B", 1, "and generate A to B (100,300)");
    private readonly Option<int?> _shared = Values.Integer(
        "--shared-prefix", "N", 0, SimulatedRequest.MaxTokens, "N tokens before every prompt are shared (0)");
    private readonly Option<int?> _prefixes = Values.Integer(
        "--prefixes", "N", 1, 1 << 20, "there are N such prefixes, each request has one (1)");
    private readonly Option<int?> _seed = Values.Integer("--seed", "S", 0, int.MaxValue, "of what is made up (1)");
    private readonly Option<string?> _policy = Values.Text(
        "--policy", "A,B", $"out of {SimulatedPolicies.Names} (all; first-come where the next two compare)");
    private readonly Option<int[]?> _budget = Values.Integers(
        "--max-tokens-per-step", "N,M", 1, "the token budget of a step, several to compare (2048)");
    private readonly Option<int[]?> _chunk = Values.Integers(
        "--chunk", "N,M", 1, "prompt tokens in a step that also decodes, several to compare (128)");
    private readonly Option<int?> _running = Values.Integer(
        "--max-running", "N", 1, 65_536, "the most sequences that run at once (256)");
    private readonly Option<int?> _queued = Values.Integer(
        "--max-queued",
        "N",
        1,
        SimulatedWorkload.MaxRequests,
        "the most requests that wait, one more is refused (no limit)");
    private readonly Option<int?> _blocks = Values.Integer(
        "--blocks", "N", 1, 1 << 24, "blocks of 16 tokens in the pool (8192)");
    private readonly Option<float?> _stepMs = Values.Real(
        "--step-ms", "X", "from 0 to 60000", value => value is >= 0 and <= 60_000, "a step's fixed cost (5)");
    private readonly Option<float?> _tokenUs = Values.Real(
        "--token-us",
        "X",
        "from 0 to 1000000",
        value => value is >= 0 and <= 1_000_000,
        "cost of a token computed (5)");
    private readonly Option<float?> _contextNs = Values.Real(
        "--context-ns",
        "X",
        "from 0 to 1000000",
        value => value is >= 0 and <= 1_000_000,
        "cost of an earlier token that is read (20)");
    private readonly Option<string?> _plot = Values.OutputFile(
        "--plot", "FILE.svg", "draws the requests that wait against time");
    private readonly Option<string?> _draw = Values.OutputFile(
        "--draw", "FILE.svg", "draws pool and block tables as the first policy's blocks change hands");
    private readonly Option<int[]?> _drawSteps = Values.Integers(
        "--draw-steps", "A,B", 1, "after these steps (the first in which blocks change hands)");
    private readonly Option<bool> _json = Values.Flag("--json", "one JSON object on standard output");
    private readonly SimulatedClusterOptionSet _cluster = new();

    public SimulateCommand(CliConsole console)
        : base(console, CommandName, "A workload through the real scheduler in virtual time, policy beside policy.")
    {
        AddGroup(
            "Workload", _trace, _synthetic, _requests, _rate, _promptTokens, _newTokens, _shared, _prefixes, _seed);
        AddGroup("Policy", _policy, _budget, _chunk, _running, _queued);
        AddGroup("Machine", _blocks, _stepMs, _tokenUs, _contextNs);
        AddGroup("Many replicas", [.. _cluster.Cluster, .. _cluster.Chats]);
        AddGroup("What happens to replicas", _cluster.Faults);
        AddGroup("Output", _plot, _draw, _drawSteps, _json);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv simulate --synthetic --rate 200 --plot waiting.svg", "four policies on 2,000 requests"),
        ("torchkv simulate --synthetic --shared-prefix 512 --blocks 2000", "a shared system prompt, a small pool"),
        ("torchkv simulate --trace few.jsonl --blocks 12 --draw blocks.svg", "who holds which block, step by step"),
        ("torchkv simulate --synthetic --chunk 32,128,512", "what a running request waits for a prompt that arrives"),
        ("torchkv simulate --replicas 100 --rack-loss 20,10 --plot loss.svg", "routing policies, a rack of 10 % lost"),
        ("torchkv simulate --replicas 16 --routers 1,8 --scatter", "several routers, each turn at any of them"),
    ];

    public override IReadOnlyList<string> Notes =>
    [
        "No model runs. A step takes step-ms + token-us · tokens + context-ns · tokens read, in simulated time. "
        + "Scheduler, pool and prefix index are the engine's own, and a workload always gives the same answer. All "
        + "times are seconds of simulated time: 'first' is from arrival to a request's first token, 'next' from one "
        + "token to the next, both as the median and the 99th percentile. 'hits' is the share of prompt tokens found "
        + "in the prefix cache.",
        "With --replicas, conversations of several turns come to routers in front of as many replicas as N. The "
        + "defaults are then GPT-2's on two cores: --step-ms 7 --token-us 450 --context-ns 1000 --blocks 4096 "
        + "--max-tokens-per-step 512 --rate 4·N --requests 100·N (10000 at least, 1000000 at most), and openings, "
        + "messages and answers of --shared-prefix 256 --prefixes 64 --prompt-tokens 16,64 --new-tokens 32,96. "
        + "'whole' is from arrival to the last token, 'busiest' the tokens computed by the busiest replica in "
        + "proportion to the mean, 'most' the most requests that a replica had at once; a request whose replica dies "
        + "is resumed on another, and 'gap' is what its reader waits, 99th percentile.",
    ];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        if (_cluster.Replicas(parsed) is { } replicas)
        {
            RunReplicas(parsed, replicas, cancellationToken);
            return Task.FromResult(ExitCodes.Done);
        }

        _cluster.CheckAbsent(parsed);
        var requests = ReadWorkload(parsed);
        var blocks = parsed.GetValue(_blocks) ?? 8192;
        var longest = requests.Max(request => request.PromptTokens + request.NewTokens);
        if (longest > (long)blocks * BlockSize)
        {
            throw new TorchKvException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"a request takes {longest} tokens, but {blocks} blocks hold {(long)blocks * BlockSize}; "
                    + $"--blocks {(longest + BlockSize - 1) / BlockSize} at least."));
        }

        var cost = ReadCost(parsed, new StepCost { PerStep = 5e-3, PerToken = 5e-6, PerAttendedToken = 20e-9 });
        var story = ReadStory(parsed, blocks);
        var rows = new List<(SimulatedPolicy, SimulationReport)>();
        foreach (var policy in ReadPolicies(parsed))
        {
            var simulation = new SchedulerSimulation(
                requests,
                new SimulationOptions
                {
                    Scheduling = policy.Scheduling,
                    BlockCount = blocks,
                    BlockSize = BlockSize,
                    Cost = cost,
                });
            using var progress = new ProgressLine(Console, policy.Name, requests.Count);
            while (rows.Count == 0 && story is { IsFull: false } ? story.Tell(simulation) : simulation.Step())
            {
                cancellationToken.ThrowIfCancellationRequested();
                progress.Report(simulation.Completed + simulation.Refused);
            }

            rows.Add((policy, simulation.Report()));
        }

        var output = new SimulationOutput(Console, requests, rows);
        if (parsed.GetValue(_plot) is { } plot)
        {
            AtomicFile.WriteText(plot, output.Plot());
        }

        if (story is not null)
        {
            var figure = new BlockFigure(
                "KV blocks, step by step",
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"A pool of {blocks} blocks of {BlockSize} tokens; below it each request's block table and its "
                    + $"tokens."),
                story.Frames);
            AtomicFile.WriteText(parsed.GetValue(_draw)!, figure.ToSvg());
        }

        if (parsed.GetValue(_json))
        {
            output.WriteJson();
        }
        else
        {
            output.WriteTable();
        }

        return Task.FromResult(ExitCodes.Done);
    }

    private void RunReplicas(ParseResult parsed, int replicas, CancellationToken cancellationToken)
    {
        var stray = Array.Find(
            (Option[])[_trace, _synthetic, _policy, _queued, _draw, _drawSteps],
            option => parsed.GetResult(option) is { Implicit: false });
        if (stray is not null)
        {
            throw new UsageException($"{stray.Name} does not go with --replicas.");
        }

        var defaults = new ClusterOptions();
        var chats = new ChatOptions
        {
            Requests = parsed.GetValue(_requests) ?? Math.Clamp(100 * replicas, 10_000, 1_000_000),
            RequestsPerSecond = parsed.GetValue(_rate) ?? 4 * replicas,
            Openings = parsed.GetValue(_prefixes) ?? defaults.Chats.Openings,
            OpeningTokens = parsed.GetValue(_shared) ?? defaults.Chats.OpeningTokens,
            MessageTokens = Range(parsed.GetList(_promptTokens), defaults.Chats.MessageTokens, "--prompt-tokens"),
            NewTokens = Range(parsed.GetList(_newTokens), defaults.Chats.NewTokens, "--new-tokens"),
        };
        var engine = new SimulationOptions
        {
            BlockCount = parsed.GetValue(_blocks) ?? defaults.Engine.BlockCount,
            BlockSize = BlockSize,
            Cost = ReadCost(parsed, defaults.Engine.Cost),
            Scheduling = ReadScheduling(parsed, defaults.Engine.Scheduling),
        };
        var rows = new List<(SimulatedCluster, ClusterReport)>();
        foreach (var row in _cluster.Read(parsed, engine, chats, parsed.GetValue(_seed) ?? 1))
        {
            var simulation = new ClusterSimulation(row.Options);
            using var progress = new ProgressLine(Console, row.Name, chats.Requests);
            while (simulation.Step())
            {
                cancellationToken.ThrowIfCancellationRequested();
                progress.Report(simulation.Completed);
            }

            rows.Add((row, simulation.Report()));
        }

        var output = new SimulatedClusterOutput(Console, rows);
        if (parsed.GetValue(_plot) is { } plot)
        {
            AtomicFile.WriteText(plot, output.Plot());
        }

        if (parsed.GetValue(_json))
        {
            output.WriteJson();
        }
        else
        {
            output.WriteTable();
        }
    }

    private SchedulingOptions ReadScheduling(ParseResult parsed, SchedulingOptions defaults)
    {
        var budgets = parsed.GetList(_budget) ?? [defaults.MaxTokensPerStep];
        var chunks = parsed.GetList(_chunk) ?? [defaults.PrefillTokensBesideDecodes];
        if (budgets.Length > 1 || chunks.Length > 1)
        {
            throw new UsageException("with --replicas, --max-tokens-per-step and --chunk take one number each.");
        }

        CheckTokens(budgets, chunks);
        var running = parsed.GetValue(_running) ?? defaults.MaxRunningSequences;
        return defaults with
        {
            MaxTokensPerStep = budgets[0],
            PrefillTokensBesideDecodes = Math.Min(chunks[0], budgets[0]),
            MaxRunningSequences = running,
            MaxLogitsPerStep = running,
        };
    }

    private StepCost ReadCost(ParseResult parsed, StepCost defaults)
    {
        var cost = new StepCost
        {
            PerStep = parsed.GetValue(_stepMs) * 1e-3 ?? defaults.PerStep,
            PerToken = parsed.GetValue(_tokenUs) * 1e-6 ?? defaults.PerToken,
            PerAttendedToken = parsed.GetValue(_contextNs) * 1e-9 ?? defaults.PerAttendedToken,
        };
        return cost is not { PerStep: 0, PerToken: 0 }
            ? cost
            : throw new UsageException("--step-ms and --token-us are both 0: time would not pass.");
    }

    private static void CheckTokens(int[] budgets, int[] chunks)
    {
        if (budgets.Concat(chunks).Any(tokens => tokens > 1 << 20))
        {
            throw new UsageException($"--max-tokens-per-step and --chunk are at most {1 << 20} tokens.");
        }
    }

    private BlockStory? ReadStory(ParseResult parsed, int blocks)
    {
        var steps = parsed.GetList(_drawSteps);
        if (parsed.GetValue(_draw) is null)
        {
            return steps is null ? null : throw new UsageException("--draw-steps goes with --draw FILE.svg.");
        }

        if (blocks > BlockFigure.MostBlocks)
        {
            throw new UsageException(
                $"--draw draws a pool of at most {BlockFigure.MostBlocks} blocks, not {blocks}; --blocks N sets it.");
        }

        steps = steps?.Distinct().ToArray();
        return steps is not { Length: > BlockFigure.MostFrames }
            ? new BlockStory(steps, BlockFigure.MostFrames)
            : throw new UsageException($"--draw-steps takes at most {BlockFigure.MostFrames} steps.");
    }

    private IReadOnlyList<SimulatedPolicy> ReadPolicies(ParseResult parsed)
    {
        var running = parsed.GetValue(_running) ?? 256;
        var common = new SchedulingOptions
        {
            MaxRunningSequences = running,
            MaxLogitsPerStep = running,
            MaxQueuedRequests = parsed.GetValue(_queued) ?? SimulatedWorkload.MaxRequests,
        };
        var budgets = parsed.GetList(_budget) ?? [2048];
        var chunks = parsed.GetList(_chunk);
        CheckTokens(budgets, chunks ?? []);
        return SimulatedPolicies.Of(parsed.GetValue(_policy), budgets, chunks, common);
    }

    private static (int Least, int Most) Range(int[]? values, (int, int) otherwise, string name) => values switch
    {
        null => otherwise,
        [var one] when one <= SimulatedRequest.MaxTokens => (one, one),
        [var least, var most] when least <= most && most <= SimulatedRequest.MaxTokens => (least, most),
        _ => throw new UsageException($"{name} takes A,B with A at most B and B at most {SimulatedRequest.MaxTokens}."),
    };

    private IReadOnlyList<SimulatedRequest> ReadWorkload(ParseResult parsed)
    {
        var trace = parsed.GetValue(_trace);
        if (trace is null != parsed.GetValue(_synthetic))
        {
            throw new UsageException("one workload, please: --trace FILE or --synthetic, or --replicas N.");
        }

        if (trace is not null)
        {
            var stray = Array.Find(
                (Option[])[_requests, _rate, _promptTokens, _newTokens, _shared, _prefixes, _seed],
                option => parsed.GetResult(option) is { Implicit: false });
            return stray is null
                ? SimulatedWorkload.Read(trace)
                : throw new UsageException(
                    $"{stray.Name} goes with --synthetic; a trace says itself what it asks for.");
        }

        return SimulatedWorkload.Make(
            parsed.GetValue(_requests) ?? 2000,
            parsed.GetValue(_rate) ?? 200,
            parsed.GetValue(_seed) ?? 1,
            Range(parsed.GetList(_promptTokens), (16, 200), "--prompt-tokens"),
            Range(parsed.GetList(_newTokens), (100, 300), "--new-tokens"),
            parsed.GetValue(_shared) ?? 0,
            parsed.GetValue(_prefixes) ?? 1);
    }
}
