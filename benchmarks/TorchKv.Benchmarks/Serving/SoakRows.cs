using System.Globalization;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Testing;

namespace TorchKv.Benchmarks.Serving;

/// <summary>
/// Many tokens through one engine: requests that share prefixes, samples, guesses, conversations that fork and rewind,
/// and callers who leave. Memory is read when nobody runs, at a tenth, at half and at the end.
/// </summary>
internal static class SoakRows
{
    private const int Callers = 24;

    /// <summary>Too few for all callers at once, so that some are preempted.</summary>
    private const int Blocks = 256;

    public static async Task<Figure[]> RunAsync(string model, string? draft, CpuRunnerOptions cpu, long tokens)
    {
        await using var engine = await Engine.LoadAsync(model, null, cpu with { BlockCount = Blocks }, draft);
        var marks = new List<(long Managed, long Resident)>();
        var next = 0;
        foreach (var share in new[] { 0.1, 0.5, 1.0 })
        {
            await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
            {
                while (engine.Stats.ComputedTokens < share * tokens)
                {
                    await Call(engine, new Random(Interlocked.Increment(ref next)), draft is not null);
                }
            })));
            await engine.Loop.InvokeAsync(() =>
            {
                engine.Loop.Parts.Blocks.Pool.CheckInvariants();
                engine.Loop.Publish();
            });
            var resident = ProcessMemory.Resident();
            marks.Add((GC.GetTotalMemory(forceFullCollection: true), resident));
        }

        var stats = engine.Stats;
        if (stats.HeldBlocks > 0 || stats.FailedRequests > 0)
        {
            throw new InvalidOperationException(
                $"After the soak {stats.HeldBlocks} blocks are held, and {stats.FailedRequests} requests have failed.");
        }

        var mix =
            $"{stats.CompletedRequests} requests, {stats.CancelledRequests} cancelled, {stats.PrefixHitTokens} "
                + $"tokens found, {stats.Preemptions} preemptions, "
                + $"{stats.AcceptedDraftTokens} of {stats.DraftedTokens} drafts accepted";
        var name = tokens.ToString("N0", CultureInfo.InvariantCulture);
        return
        [
            new(
                $"{name} tokens, managed heap at the end ÷ at a tenth",
                Ratio(m => m.Managed),
                "≤ 1.1",
                $"{List(m => m.Managed)} MB at 10, 50, 100 %; {mix}"),
            new(
                $"{name} tokens, resident memory at the end ÷ at a tenth",
                Ratio(m => m.Resident),
                "≤ 1.05",
                $"{List(m => m.Resident)} MB at 10, 50, 100 %"),
        ];

        double Ratio(Func<(long Managed, long Resident), long> of) => (double)of(marks[^1]) / Math.Max(1, of(marks[0]));
        string List(Func<(long Managed, long Resident), long> of) =>
            string.Join(", ", marks.Select(m => (of(m) / 1e6).ToString("0.0", CultureInfo.InvariantCulture)));
    }

    /// <summary>One caller's request or conversation.</summary>
    private static async Task Call(Engine engine, Random random, bool hasDraft)
    {
        var vocabulary = engine.Model.VocabSize;
        int[] prompt =
        [
            .. Measure.Ids(random.Next(4), random.Next(16, 120), vocabulary),
            .. Measure.Ids(random.Next(), random.Next(1, 40), vocabulary),
        ];
        if (random.Next(2) == 0)
        {
            // Something to look up.
            prompt = [.. prompt, .. prompt[..random.Next(8, prompt.Length)]];
        }

        var options = new GenerationOptions
        {
            MaxNewTokens = random.Next(10, 120),
            EosTokenIds = [],
            Temperature = random.Next(2) == 0 ? null : 0.8f,
            TopP = random.Next(2) == 0 ? null : 0.95f,
            Seed = (ulong)random.Next(),
            Samples = random.Next(5) == 0 ? 3 : 1,
            Priority = random.Next(2),
            Speculation = random.Next(3) switch
            {
                0 => new SpeculationOptions(),
                1 when hasDraft => new SpeculationOptions { Source = DraftSource.DraftModel },
                _ => null,
            },
        };
        switch (random.Next(5))
        {
            case 0:
                await Converse(engine, random, prompt, options with { Samples = 1, Priority = 0 });
                break;
            case 1:
                await Read(engine.GenerateAsync(prompt, options), random.Next(1, 40));
                break;
            default:
                await Read(engine.GenerateAsync(prompt, options), int.MaxValue);
                break;
        }
    }

    /// <summary>A conversation of three turns, forked after the first and rewound after the second.</summary>
    private static async Task Converse(Engine engine, Random random, int[] prompt, GenerationOptions options)
    {
        var turn = options with { MaxNewTokens = 30 };
        var session = engine.StartSession();
        await Read(session.ContinueAsync(prompt, turn), int.MaxValue);
        var fork = await session.ForkAsync();
        await Task.WhenAll(
            Read(session.ContinueAsync(Measure.Ids(random.Next(), 12, engine.Model.VocabSize), turn), int.MaxValue),
            Read(fork.ContinueAsync(Measure.Ids(random.Next(), 8, engine.Model.VocabSize), turn), random.Next(1, 30)));
        await session.RewindAsync(prompt.Length);
        await Read(session.ContinueAsync(Measure.Ids(random.Next(), 5, engine.Model.VocabSize), turn), int.MaxValue);
        await session.DisposeAsync();
        await fork.DisposeAsync();
    }

    private static async Task Read(IAsyncEnumerable<GeneratedPiece> pieces, int most)
    {
        await foreach (var _ in pieces)
        {
            if (--most <= 0)
            {
                return;
            }
        }
    }
}
