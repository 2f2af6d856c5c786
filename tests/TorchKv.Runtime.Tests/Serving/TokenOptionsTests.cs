using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Tests.Sampling;
using TorchKv.Runtime.Tests.Text;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>Options that name tokens, and stops, through the engine.</summary>
[Trait("speed", "fast")]
public class TokenOptionsTests
{
    private const int Vocabulary = 10;

    private static readonly int[] s_prompt = [5, 6, 7];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task RandomMixturesGetTheTokensOfPlainSampling(int seed)
    {
        var random = new Random(seed);
        var runner = new FakeRunner(64, vocabulary: Vocabulary, context: 64);
        await using var engine = new Engine(
            runner,
            options: new EngineOptions
            {
                TimeProvider = new FrozenTime(),
                Scheduling = new SchedulingOptions { MaxRunningSequences = 20 },
            },
            draft: new FakeRunner(60, vocabulary: Vocabulary, context: 64));
        var (answered, stops) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, 120).Select(async i =>
        {
            int[] prompt = [.. Enumerable.Range(0, random.Next(1, 12)).Select(_ => random.Next(Vocabulary))];
            var options = LogitsProcessorsTests.RandomTokenRules(random, Vocabulary) with
            {
                MaxNewTokens = 30,
                Seed = (ulong)i,
                Temperature = random.Next(2) == 0 ? null : 0.7f,
                Samples = random.Next(3) == 0 ? 2 : 1,
                IncludeStopText = random.Next(2) == 0,
                Speculation = random.Next(3) switch
                {
                    0 => null,
                    1 => new SpeculationOptions { MinMatch = 1 },
                    _ => new SpeculationOptions { Source = DraftSource.DraftModel },
                },
            };
            try
            {
                var expected = Enumerable.Range(0, options.Samples).Select(row => Expected(prompt, options, row)).ToArray();
                foreach (var (row, pieces) in await EngineReading.All(engine.GenerateAsync(prompt, options), options.Samples))
                {
                    Assert.Equal(expected[row].Ids, pieces.SelectMany(piece => piece.TokenIds));
                    Assert.Equal(expected[row].Stop, pieces[^1].StopReason?.TokenId);
                    stops += expected[row].Stop is null ? 0 : 1;
                }

                answered++;
            }
            catch (RequestFailedException)
            {
                // Every token is banned; the engine says the same.
                await Assert.ThrowsAsync<RequestFailedException>(() => Alone.Read(engine.GenerateAsync(prompt, options), 2));
            }
        })).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(answered > 60 && stops > 10, $"{answered} answered, {stops} stopped by a stop id");
        Assert.True((await engine.SettleAsync()).AcceptedDraftTokens > 0);
        await EngineMixtureTests.AllBlocksAreBack(engine);
    }

    private static (List<int> Ids, int? Stop) Expected(int[] prompt, GenerationOptions options, int row)
    {
        var sampler = new Sampler(Vocabulary);
        var ids = new List<int>();
        while (ids.Count < options.MaxNewTokens)
        {
            int[] history = [.. prompt, .. ids];
            var logits = WarpOracle.Process(FakeModel.Logits(history, Vocabulary), history, options, ids.Count);
            var choice = new GenerationOptions { Temperature = options.Temperature };
            var token = sampler.Sample(logits, history, choice, Sampler.SeedOf(options.Seed!.Value, row), ids.Count);
            if (options.EosTokenIds!.Contains(token))
            {
                return (ids, null);
            }

            var isStop = options.StopTokenIds.Contains(token);
            if (!isStop || options.IncludeStopText)
            {
                ids.Add(token);
            }

            if (isStop)
            {
                return (ids, token);
            }
        }

        return (ids, null);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheLastPieceNamesTheStopTextIncludedOrNot(bool includes)
    {
        var (engine, ids, text) = await TellAsync();
        await using var disposed = engine;
        for (var at = 1; at + 4 < text.Length; at += 3)
        {
            var stop = text.Substring(at, 4);
            var shown = text[..(text.IndexOf(stop, StringComparison.Ordinal) + (includes ? 4 : 0))];
            var options = new GenerationOptions { MaxNewTokens = 40, EosTokenIds = [], Stop = ["☃", stop], IncludeStopText = includes };
            var pieces = (await EngineReading.All(engine.GenerateAsync(s_prompt, options)))[0];
            Assert.Equal(shown, string.Concat(pieces.Select(piece => piece.Text)));
            Assert.Equal(new StopReason(stop, null), pieces[^1].StopReason);
            Assert.All(pieces.SkipLast(1), piece => Assert.Null(piece.StopReason));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AStopIdEndsTheTextAndIsNamed(bool includes)
    {
        var (engine, ids, _) = await TellAsync();
        await using var disposed = engine;
        var at = Enumerable.Range(3, 20).First(i => !ids.Take(i).Contains(ids[i]));
        var options = new GenerationOptions { MaxNewTokens = 40, EosTokenIds = [], StopTokenIds = [ids[at]], IncludeStopText = includes };
        await using var session = engine.StartSession();
        var pieces = (await EngineReading.All(session.ContinueAsync(s_prompt, options)))[0];
        var expected = ids[..(at + (includes ? 1 : 0))];
        Assert.Equal(expected, pieces.SelectMany(piece => piece.TokenIds));
        Assert.Equal((FinishReason.Stop, new StopReason(null, ids[at])), (pieces[^1].FinishReason, pieces[^1].StopReason));
        Assert.Equal([.. s_prompt, .. expected], session.TokenIds);

        // The model's own end comes first.
        var both = await EngineReading.All(engine.GenerateAsync(s_prompt, options with { EosTokenIds = [ids[at]] }));
        Assert.Equal((FinishReason.Stop, null), (both[0][^1].FinishReason, both[0][^1].StopReason));
        Assert.Equal(at, both[0][^1].Usage!.Value.CompletionTokens);
    }

    [Fact]
    public async Task NoStopCountsBeforeTheLeastNumberOfTokens()
    {
        var (engine, ids, text) = await TellAsync();
        await using var disposed = engine;
        var options = new GenerationOptions { MaxNewTokens = 40, EosTokenIds = [] };

        // A stop text that is complete within the first tokens counts for nothing; the same text later does.
        for (var least = 0; least < 20; least++)
        {
            var stop = Tokenizers.Storyteller.Decode([ids[10]]);
            var pieces = (await EngineReading.All(engine.GenerateAsync(s_prompt, options with { Stop = [stop], MinNewTokens = least })))[0];
            var skipped = Tokenizers.Storyteller.Decode([.. ids.Take(least)]).Length;
            var end = Enumerable.Range(0, text.Length).FirstOrDefault(
                i => text[i..].StartsWith(stop, StringComparison.Ordinal) && i + stop.Length > skipped, text.Length);
            Assert.Equal(text[..end], string.Concat(pieces.Select(piece => piece.Text)));
        }

        var banned = await EngineReading.Ids(engine.GenerateAsync(s_prompt, options with { EosTokenIds = [ids[0]], MinNewTokens = 5 }));
        Assert.True(banned[0].Count >= 5);
        Assert.DoesNotContain(ids[0], banned[0].Take(5));
    }

    [Fact]
    public async Task BadWordsAreBannedAtAWordsBeginningAndWithin()
    {
        var tokenizer = Tokenizers.Storyteller;
        var runner = new FakeRunner(64, vocabulary: tokenizer.VocabSize);
        await using var engine = new Engine(runner, tokenizer);
        var word = "dog runs";
        foreach (var written in new[] { word, " " + word })
        {
            // The model would write nothing but the bad word.
            int[] bad = [.. tokenizer.Encode(written)];
            runner.ChangeLogits = null;
            var position = 0;
            runner.ChangeLogits = row => row[bad[position++ % bad.Length]] = 100;
            var options = new GenerationOptions { MaxNewTokens = bad.Length };
            Assert.Equal(bad, (await Alone.Read(engine.GenerateAsync(s_prompt, options)))[0]);
            position = 0;
            var pieces = engine.GenerateAsync(s_prompt, options with { BadWords = ["  " + word] });
            var ids = (await Alone.Read(pieces))[0];
            Assert.Equal(bad[..^1], ids[..(bad.Length - 1)]);
            Assert.NotEqual(bad[^1], ids[^1]);
        }
    }

    [Fact]
    public async Task ListsAreCopiedWhenTheRequestIsSubmitted()
    {
        var runner = new FakeRunner(64);
        await using var engine = new Engine(runner);
        int[] allowed = [3, 4];
        var bias = new Dictionary<int, float> { [3] = 50 };
        var options = new GenerationOptions { AllowedTokenIds = allowed, LogitBias = bias, MaxNewTokens = 30 };
        var pieces = engine.GenerateAsync(s_prompt, options);
        (allowed[0], bias[4]) = (9, 900);
        Assert.All((await Alone.Read(pieces))[0], id => Assert.Equal(3, id));
    }

    [Fact]
    public async Task IdsOutsideTheVocabularyAreRefusedByName()
    {
        await using var engine = new Engine(new FakeRunner(8));
        foreach (var (name, options) in new (string, GenerationOptions)[]
        {
            ("logit_bias", new() { LogitBias = new Dictionary<int, float> { [32] = 1 } }),
            ("stop_token_ids", new() { StopTokenIds = [-1] }),
            ("allowed_token_ids", new() { AllowedTokenIds = [1, 999_999] }),
            ("bad_words_ids", new() { BadWordsIds = [[1, 32]] }),
        })
        {
            Assert.Equal(name, Assert.Throws<OptionException>(() => engine.Submit(s_prompt, options)).Option);
        }

        Assert.Throws<RequestException>(() => engine.Submit(s_prompt, new() { BadWords = ["a"] }));
    }

    [Fact]
    public async Task TheLastPieceSaysHowLongTheRequestWaited()
    {
        await using var engine = new Engine(new FakeRunner(64));
        var pieces = (await EngineReading.All(engine.GenerateAsync(s_prompt, new() { Samples = 2 }), 2))[1];
        Assert.NotNull(pieces[^1].QueueTime);
        Assert.All(pieces.SkipLast(1), piece => Assert.Null(piece.QueueTime));
        Assert.Null((await EngineReading.All(engine.GenerateAsync(s_prompt, new() { MaxNewTokens = 0 })))[0][^1].QueueTime);
    }

    private static async Task<(Engine Engine, int[] Ids, string Text)> TellAsync()
    {
        var tokenizer = Tokenizers.Storyteller;
        var engine = new Engine(new FakeRunner(64, vocabulary: tokenizer.VocabSize), tokenizer);
        var options = new GenerationOptions { MaxNewTokens = 40, EosTokenIds = [] };
        int[] ids = [.. (await Alone.Read(engine.GenerateAsync(s_prompt, options)))[0]];
        return (engine, ids, tokenizer.Decode(ids));
    }
}
