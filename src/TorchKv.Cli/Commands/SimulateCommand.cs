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

namespace TorchKv.Cli.Commands;

/// <summary>
/// The command <c>simulate</c>: runs the scheduler without a model on large workloads, to compare scheduling policies.
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

    public SimulateCommand(CliConsole console)
        : base(console, CommandName, "A workload through the real scheduler in virtual time, policy beside policy.")
    {
        AddGroup(
            "Workload", _trace, _synthetic, _requests, _rate, _promptTokens, _newTokens, _shared, _prefixes, _seed);
        AddGroup("Policy", _policy, _budget, _chunk, _running, _queued);
        AddGroup("Machine", _blocks, _stepMs, _tokenUs, _contextNs);
        AddGroup("Output", _plot, _draw, _drawSteps, _json);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv simulate --synthetic --rate 200 --plot waiting.svg", "four policies on 2,000 requests"),
        ("torchkv simulate --synthetic --shared-prefix 512 --blocks 2000", "a shared system prompt, a small pool"),
        ("torchkv simulate --trace few.jsonl --blocks 12 --draw blocks.svg", "who holds which block, step by step"),
        ("torchkv simulate --synthetic --chunk 32,128,512", "what a running request waits for a prompt that arrives"),
    ];

    public override IReadOnlyList<string> Notes =>
    [
        "No model runs. A step takes step-ms + token-us · tokens + context-ns · tokens read, in simulated time. "
        + "Scheduler, pool and prefix index are the engine's own, and a workload always gives the same answer. All "
        + "times are seconds of simulated time: 'first' is from arrival to a request's first token, 'next' from one "
        + "token to the next, both as the median and the 99th percentile. 'hits' is the share of prompt tokens found "
        + "in the prefix cache.",
    ];

    protected override Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
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

        var cost = new StepCost
        {
            PerStep = (parsed.GetValue(_stepMs) ?? 5) * 1e-3,
            PerToken = (parsed.GetValue(_tokenUs) ?? 5) * 1e-6,
            PerAttendedToken = (parsed.GetValue(_contextNs) ?? 20) * 1e-9,
        };
        if (cost is { PerStep: 0, PerToken: 0 })
        {
            throw new UsageException("--step-ms and --token-us are both 0: time would not pass.");
        }

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
        if (budgets.Concat(chunks ?? []).Any(tokens => tokens > 1 << 20))
        {
            throw new UsageException($"--max-tokens-per-step and --chunk are at most {1 << 20} tokens.");
        }

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
            throw new UsageException("one workload, please: --trace FILE or --synthetic.");
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
