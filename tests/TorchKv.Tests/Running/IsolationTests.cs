using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Running;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.Tests.Running;

/// <summary>
/// One request poisons no other: a token whose embedding is NaN or infinite leaves such keys and values in its blocks,
/// and whoever gets the blocks next has the bits of an engine that never saw them.
/// </summary>
public sealed class IsolationTests : IDisposable
{
    private const int NotANumber = 201, Infinite = 202, NegativeInfinite = 203;
    private const int Blocks = 8;

    private static readonly GenerationOptions Scored = new() { MaxNewTokens = 20, EosTokenIds = [], LogProbs = 2 };

    private readonly TemporaryFolder _folder = new();

    public IsolationTests()
    {
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "untied-head"));
        using (no_grad())
        {
            var rows = model.tok_emb.weight!;
            rows[NotANumber].fill_(float.NaN);
            rows[Infinite].fill_(float.PositiveInfinity);
            rows[NegativeInfinite].fill_(float.NegativeInfinity);

            // The first number before the head is 1 for every text, and tells it never to choose one of the three
            model.final_norm.scale[0].fill_(0);
            model.final_norm.shift[0].fill_(1);
            model.out_head.weight.select(1, 0).fill_(0);
            model.out_head.weight[NotANumber..(NegativeInfinite + 1), 0].fill_(-1000);
        }

        model.save_pretrained(_folder.Path);
    }

    public static TheoryData<string, int> RunnersAndTokens { get; } = new(
        from runner in (string[])["cpu", "torch"]
        from token in (int[])[NotANumber, Infinite, NegativeInfinite]
        select (runner, token));

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(RunnersAndTokens))]
    public async Task BlocksOfARequestThatFailedCarryNothingOver(string runner, int token)
    {
        await using var engine = Make(runner);
        await Poison(engine, Enumerable.Repeat(token, 24));
        for (var i = 0; i < 20; i++)
        {
            await ExpectFreshBits(runner, engine, [1, 2, 3 + i]);
        }
    }

    [Theory]
    [MemberData(nameof(RunnersAndTokens))]
    public async Task BadAndGoodRequestsInOneStepDoNotMeet(string runner, int token)
    {
        await using var engine = Make(runner);
        var bad = Enumerable.Range(0, 6).Select(i => Poison(engine, [1, 2, token, i])).ToArray();
        var good = Enumerable.Range(0, 6).Select(
            i => EngineReading.All(engine.GenerateAsync([8, 9, i], Scored))).ToArray();
        await Task.WhenAll(bad);
        foreach (var tokens in (await Task.WhenAll(good)).Select(
            pieces => pieces[0].SelectMany(piece => piece.LogProbs).ToArray()))
        {
            Assert.Equal(20, tokens.Length);
            Assert.All(tokens, scored => Assert.True(float.IsFinite(scored.LogProbability)));
        }
    }

    [Theory]
    [MemberData(nameof(RunnersAndTokens))]
    public async Task BlocksTakenFromAPreemptedRequestCarryNothingOver(string runner, int token)
    {
        // The bad prompt is computed in pieces; while its first step waits, a request comes that needs all blocks and
        // goes before it
        using var began = new ManualResetEventSlim();
        using var submitted = new ManualResetEventSlim();
        var scheduling = new SchedulingOptions { MaxTokensPerStep = 40, PrefixCaching = false };
        var inner = Load(runner, blocks: 4);
        await using var engine = new Engine(
            new HookedRunner(inner) { BeforeStep = WaitOnce },
            options: new EngineOptions { Scheduling = scheduling });
        var poisoned = Poison(engine, Enumerable.Repeat(token, 60), priority: 9);
        await Task.Run(began.Wait);
        int[] prompt = [.. Enumerable.Range(10, 40)];
        var going = Tokens(engine.GenerateAsync(prompt, Scored));
        submitted.Set();
        var tokens = await going;
        await poisoned;
        Assert.Equal(1, engine.Stats.Preemptions);
        await using var fresh = new Engine(
            Load(runner, blocks: 4), options: new EngineOptions { Scheduling = scheduling });
        AssertSameBits(await Tokens(fresh.GenerateAsync(prompt, Scored)), tokens);
        AssertSameBits(
            await Tokens(fresh.GenerateAsync([1, 2, 3], Scored)),
            await Tokens(engine.GenerateAsync([1, 2, 3], Scored)));

        void WaitOnce()
        {
            began.Set();
            submitted.Wait();
        }
    }

    [Theory]
    [MemberData(nameof(RunnersAndTokens))]
    public async Task CachedBlocksThatAreEvictedCarryNothingOver(string runner, int token)
    {
        await using var engine = Make(runner, new SchedulingOptions());
        await Poison(engine, Enumerable.Repeat(token, 40));
        for (var i = 0; i < 12; i++)
        {
            // Other prefixes each time, so that old blocks must go
            await ExpectFreshBits(runner, engine, [.. Enumerable.Range(20 + (3 * i), 30)]);
        }

        Assert.True(engine.Stats.Evictions > 0);
    }

    [Theory]
    [MemberData(nameof(RunnersAndTokens))]
    public async Task ASessionRewoundBeforeABadTokenContinuesUnaffected(string runner, int token)
    {
        await using var engine = Make(runner);
        await using var session = engine.StartSession();
        await Tokens(session.ContinueAsync([1, 2, 3], Scored with { MaxNewTokens = 9 }));
        await Assert.ThrowsAsync<RequestFailedException>(() => Tokens(session.ContinueAsync([4, token, 4], Scored)));
        await using var fork = await session.ForkAsync();
        await Assert.ThrowsAsync<RequestFailedException>(() => Tokens(fork.ContinueAsync([token], Scored)));
        await session.RewindAsync(8);
        var answer = await Tokens(session.ContinueAsync([8], Scored));

        await using var fresh = Make(runner);
        await using var other = fresh.StartSession();
        await Tokens(other.ContinueAsync([1, 2, 3], Scored with { MaxNewTokens = 9 }));
        await other.RewindAsync(8);
        AssertSameBits(await Tokens(other.ContinueAsync([8], Scored)), answer);
    }

    [Theory]
    [MemberData(nameof(RunnersAndTokens))]
    public async Task ASessionRestoredBeforeABadTailContinuesUnaffected(string runner, int token)
    {
        await using (var engine = Make(runner))
        {
            // Fills every block with bad numbers, then saves a session whose last block has them past its end
            await FillThePool(engine, token);
            await using var session = engine.StartSession();
            await Tokens(session.ContinueAsync([1, 2, 3], Scored with { MaxNewTokens = 4 }));
            await session.SaveAsync(_folder["session"]);
        }

        await using var later = Make(runner);
        await FillThePool(later, token);
        await using var restored = await later.RestoreSessionAsync(_folder["session"]);
        var answer = await Tokens(restored.ContinueAsync([8], Scored));

        await using var fresh = Make(runner);
        await using var other = fresh.StartSession();
        await Tokens(other.ContinueAsync([1, 2, 3], Scored with { MaxNewTokens = 4 }));
        AssertSameBits(await Tokens(other.ContinueAsync([8], Scored)), answer);
    }

    [Theory]
    [MemberData(nameof(RunnersAndTokens))]
    public async Task RejectedDraftsOfABadTokenCarryNothingOver(string runner, int token)
    {
        var shape = Load(runner, 1).Model;
        await using var engine = new Engine(Load(runner, Blocks), draft: new OneTokenRunner(shape, token));
        var options = Scored with
        {
            Speculation = new SpeculationOptions { Source = DraftSource.DraftModel, MaxDraftTokens = 4 },
        };
        for (var i = 0; i < 8; i++)
        {
            var tokens = await Tokens(engine.GenerateAsync([1, 2, 3 + i], options));
            await using var alone = Make(runner);
            var expected = await Tokens(alone.GenerateAsync([1, 2, 3 + i], Scored));
            Assert.Equal(expected.Select(scored => scored.TokenId), tokens.Select(scored => scored.TokenId));
            Assert.All(
                expected.Zip(tokens),
                pair => Assert.Equal(pair.First.LogProbability, pair.Second.LogProbability, Scoring.Tolerance));
        }

        Assert.NotEqual(0, engine.Stats.DraftedTokens);
    }

    private Engine Make(string runner, SchedulingOptions? scheduling = null) => new(
        Load(runner, Blocks),
        options: new EngineOptions
        {
            Scheduling = scheduling ?? new SchedulingOptions { PrefixCaching = false },
            ModelIdentity = "isolation",
        });

    private IModelRunner Load(string runner, int blocks) => runner == "cpu"
        ? CpuRunner.Load(_folder.Path, new CpuRunnerOptions { BlockCount = blocks })
        : TorchRunner.Load(_folder.Path, new TorchRunnerOptions { BlockCount = blocks });

    private async Task ExpectFreshBits(string runner, Engine engine, int[] prompt)
    {
        // Under a salt of its own it finds no block, as in the fresh engine
        var options = Scored with { CacheSalt = Guid.NewGuid().ToString() };
        var tokens = await Tokens(engine.GenerateAsync(prompt, options));
        await using var fresh = Make(runner);
        AssertSameBits(await Tokens(fresh.GenerateAsync(prompt, Scored)), tokens);
    }

    private static async Task Poison(Engine engine, IEnumerable<int> prompt, int priority = 0)
    {
        var options = new GenerationOptions { MaxNewTokens = 2, EosTokenIds = [], Priority = priority };
        await Assert.ThrowsAsync<RequestFailedException>(
            () => EngineReading.Ids(engine.GenerateAsync([.. prompt], options)));
    }

    /// <summary>Two prompts that take all blocks.</summary>
    private static Task FillThePool(Engine engine, int token) => Task.WhenAll(
        Poison(engine, Enumerable.Repeat(token, 62)),
        Poison(engine, Enumerable.Repeat(token, 61)));

    private static async Task<ScoredToken[]> Tokens(IAsyncEnumerable<GeneratedPiece> pieces) =>
        [.. (await EngineReading.All(pieces))[0].SelectMany(piece => piece.LogProbs)];

    private static void AssertSameBits(ScoredToken[] expected, ScoredToken[] actual)
    {
        Assert.NotEmpty(expected);
        Assert.All(expected, scored => Assert.True(float.IsFinite(scored.LogProbability)));
        Assert.Equal(expected.Select(Bits), actual.Select(Bits));

        static (int, int) Bits(ScoredToken scored) =>
            (scored.TokenId, BitConverter.SingleToInt32Bits(scored.LogProbability));
    }

    /// <summary>A draft model that is always sure of one token.</summary>
    private sealed class OneTokenRunner(ModelShape model, int token) : IModelRunner
    {
        public ModelShape Model => model;

        public int BlockSize => 16;

        public int BlockCount => 64;

        public int BytesPerBlock => 1;

        public int MaxTokensPerStep => 256;

        public void Step(
            ReadOnlySpan<RunnerRow> rows, Span<float> logits, CancellationToken cancellationToken = default)
        {
            logits.Clear();
            for (var at = token; at < logits.Length; at += model.VocabSize)
            {
                logits[at] = 50;
            }
        }

        public void CopyBlock(int source, int destination)
        {
        }

        public void ReadBlock(int block, Span<byte> destination)
        {
        }

        public void WriteBlock(int block, ReadOnlySpan<byte> source)
        {
        }

        public void Dispose()
        {
        }
    }
}
