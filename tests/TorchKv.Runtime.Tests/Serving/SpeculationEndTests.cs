using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Text;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>
/// Whatever ends a text in the middle of accepted drafts, it ends where plain decoding ends it. The draft
/// model is the model itself, so that every draft is accepted and each step gives many tokens.
/// </summary>
[Trait("speed", "fast")]
public class SpeculationEndTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly SpeculationOptions ByDraft = new() { Source = DraftSource.DraftModel };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EndOfTextAmongDraftsEndsTheText(bool sampled)
    {
        var runner = new FakeRunner(64, vocabulary: 12);
        await using var engine = Load(runner);
        var inTheMiddle = 0;
        for (var i = 0; i < 40; i++)
        {
            int[] prompt = [i % 11, i / 11, 3];
            var options = new GenerationOptions { MaxNewTokens = 60, Temperature = sampled ? 0.8f : null, Seed = (ulong)i, Speculation = ByDraft };
            var expected = Alone.Generate(runner, prompt, options);
            Assert.Equal(expected, (await Alone.Read(engine.GenerateAsync(prompt, options)))[0]);
            inTheMiddle += expected.Count is > 2 and < 60 ? 1 : 0;
        }

        Assert.True(inTheMiddle > 10, "texts that do not end prove too little");
        await AllIsGivenBack(engine);
    }

    [Fact]
    public async Task EveryBudgetIsKeptToTheToken()
    {
        var runner = new FakeRunner(64);
        await using var engine = Load(runner);
        for (var budget = 1; budget <= 40; budget++)
        {
            var options = new GenerationOptions { MaxNewTokens = budget, EosTokenIds = [], Speculation = ByDraft };
            var ids = (await Alone.Read(engine.GenerateAsync([1, 2, 3], options)))[0];
            Assert.Equal(budget, ids.Count);
            Assert.Equal(Alone.Generate(runner, [1, 2, 3], options), ids);
        }

        await AllIsGivenBack(engine);
    }

    [Fact]
    public async Task TheContextEndsTheTextInTheMiddleOfDrafts()
    {
        for (var context = 20; context < 40; context++)
        {
            var runner = new FakeRunner(64, context: context);
            await using var engine = Load(runner);
            var options = new GenerationOptions { MaxNewTokens = 100, EosTokenIds = [], Speculation = ByDraft };
            var ids = (await Alone.Read(engine.GenerateAsync([1, 2, 3, 4, 5], options)))[0];
            Assert.Equal(context - 5, ids.Count);
            Assert.Equal(Alone.Generate(runner, [1, 2, 3, 4, 5], options), ids);
            await AllIsGivenBack(engine);
        }
    }

    [Fact]
    public async Task AStopTextAmongDraftsEndsTheTextAsPlainly()
    {
        var tokenizer = Gpt2Tokenizer.Load(RepositoryFiles.Weights("storyteller"));
        await using var engine = Load(new FakeRunner(64, vocabulary: 4096), tokenizer);
        var plain = new GenerationOptions { MaxNewTokens = 40, EosTokenIds = [] };
        var whole = await ReadText(engine, plain);
        for (var at = 4; at + 5 < whole.Text.Length; at += 7)
        {
            var options = plain with { Stop = [whole.Text.Substring(at, 5)] };
            var expected = await ReadText(engine, options);
            Assert.Equal(FinishReason.Stop, expected.Reason);
            Assert.Equal(expected, await ReadText(engine, options with { Speculation = ByDraft }));
        }

        await AllIsGivenBack(engine);
    }

    [Theory]
    [InlineData(DraftSource.DraftModel)]
    [InlineData(DraftSource.PromptLookup)]
    public async Task EachSampleIsTheOneDrawnWithoutDrafts(DraftSource source)
    {
        var runner = new FakeRunner(120, vocabulary: 6, context: 128);
        await using var engine = Load(runner);
        for (var seed = 0UL; seed < 8; seed++)
        {
            var options = new GenerationOptions { MaxNewTokens = 50, Samples = 4, Temperature = 0.7f, Seed = seed, EosTokenIds = [], Speculation = new SpeculationOptions { Source = source } };
            foreach (var (row, ids) in await Alone.Read(engine.GenerateAsync([1, 2, 3], options), 4))
            {
                Assert.Equal(Alone.Generate(runner, [1, 2, 3], options, row), ids);
            }
        }

        await AllIsGivenBack(engine);
    }

    [Fact]
    public async Task APreemptedRequestContinuesWithDrafts()
    {
        var runner = new FakeRunner(20, context: 64);
        await using var engine = Load(runner);

        // The first step waits until all requests are there: else each could be done before the next one comes.
        using var submitted = new ManualResetEventSlim();
        runner.Fault = _ => submitted.Wait();
        var requests = Enumerable.Range(0, 12).Select(async i =>
        {
            int[] prompt = [i, i + 1];
            var options = new GenerationOptions { MaxNewTokens = 40, EosTokenIds = [], Speculation = i % 3 == 0 ? new SpeculationOptions() : ByDraft };
            Assert.Equal(
                Alone.Generate(runner, prompt, options), (await Alone.Read(engine.GenerateAsync(prompt, options)))[0]);
        }).ToArray();
        submitted.Set();
        await Task.WhenAll(requests).WaitAsync(Patience);
        await AllIsGivenBack(engine);
        Assert.True(engine.Stats.Preemptions > 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task CancelsAmongDraftsLeaveOthersRightAndNoLeak(int seed)
    {
        var random = new Random(seed);
        var runner = new FakeRunner(60, vocabulary: 8, context: 96);
        await using var engine = Load(runner);
        var cancelled = 0;
        await Task.WhenAll(Enumerable.Range(0, 60).Select(async i =>
        {
            int[] prompt = [random.Next(7), random.Next(7), random.Next(7)];
            var options = new GenerationOptions { MaxNewTokens = random.Next(10, 80), EosTokenIds = [], Speculation = new SpeculationOptions { Source = (DraftSource)(i % 2), MinMatch = 1 } };
            var leaveAfter = random.Next(2) == 0 ? random.Next(1, 30) : int.MaxValue;
            await Task.Yield();
            var ids = new List<int>();
            await foreach (var piece in engine.GenerateAsync(prompt, options))
            {
                ids.AddRange(piece.TokenIds);
                if (ids.Count >= leaveAfter)
                {
                    Interlocked.Increment(ref cancelled);
                    break;
                }
            }

            Assert.Equal(Alone.Generate(runner, prompt, options)[..ids.Count], ids);
        })).WaitAsync(Patience);
        await AllIsGivenBack(engine);
        Assert.True(cancelled > 0);
    }

    [Fact]
    public async Task BlocksOfRejectedDraftsAreBackBeforeTheNextStep()
    {
        var drafted = 0L;
        var rejected = 0L;
        Engine? engine = null;
        var runner = new FakeRunner(100, vocabulary: 4, context: 256);
        runner.Fault = rows =>
        {
            // On the engine's thread, the plan reserved: what is held is what this step's tokens need, and not a block
            // more.
            Assert.All(rows, row => Assert.Equal((row.Position + row.Tokens.Length + 3) / 4, row.BlockTable.Length));
            engine!.Pool().CheckInvariants();
            Assert.Equal(rows.Sum(row => row.BlockTable.Length), engine!.Pool().HeldCount);
        };
        await using (
            engine = new Engine(runner, options: new EngineOptions { TimeProvider = new FrozenTime(), Scheduling = new SchedulingOptions { PrefixCaching = false } }))
        {
            var options = new GenerationOptions { MaxNewTokens = 200, EosTokenIds = [], Speculation = new SpeculationOptions { MinMatch = 1 } };
            Assert.Equal(
                Alone.Generate(runner, [1, 2, 3], options),
                (await Alone.Read(engine.GenerateAsync([1, 2, 3], options)))[0]);
            drafted = engine.Stats.DraftedTokens;
            rejected = drafted - engine.Stats.AcceptedDraftTokens;
            await EngineMixtureTests.AllBlocksAreBack(engine);
        }

        Assert.True(drafted > rejected && rejected > 0, $"{drafted} drafts, {rejected} rejected");
    }

    private static Engine Load(FakeRunner runner, Gpt2Tokenizer? tokenizer = null) => new(
        runner,
        tokenizer,
        new EngineOptions { TimeProvider = new FrozenTime() },
        new FakeRunner(200, vocabulary: runner.Model.VocabSize, context: runner.Model.ContextLength));

    /// <summary>Drafts were accepted, several tokens came of a step, and every block of both pools is back.</summary>
    private static async Task AllIsGivenBack(Engine engine)
    {
        await EngineMixtureTests.AllBlocksAreBack(engine);
        Assert.True(engine.Stats.AcceptedDraftTokens > 0);
        Assert.Equal(0, engine.DraftPool()!.HeldCount);
    }

    private static async Task<(string Text, string Ids, FinishReason? Reason)> ReadText(
        Engine engine,
        GenerationOptions options)
    {
        var (text, ids) = ("", "");
        FinishReason? reason = null;
        await foreach (var piece in engine.GenerateAsync([5, 6, 7], options))
        {
            text += piece.Text;
            ids += string.Join(',', piece.TokenIds) + ";";
            reason ??= piece.FinishReason;
        }

        return (text, ids, reason);
    }
}
