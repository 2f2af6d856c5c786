using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;

namespace TorchKv.Runtime.Tests.Sampling;

[Trait("speed", "fast")]
public class LogitsProcessorsTests
{
    [Fact]
    public void RandomRowsAreWarpedAsTheDefinitionsSay()
    {
        var random = new Random(21);
        for (var round = 0; round < 1_000; round++)
        {
            var vocabSize = random.Next(1, 120);
            var warpers = new LogitsWarpers(vocabSize);
            for (var reuse = 0; reuse < 3; reuse++)
            {
                var logits = RandomRow(random, vocabSize);
                var options = RandomOptions(random);
                var expected = WarpOracle.Warp(logits, options);
                warpers.Warp(logits, options);
                Assert.Equal(expected, logits);
            }
        }
    }

    [Fact]
    public void RandomHistoriesArePunishedAsTheDefinitionsSay()
    {
        var random = new Random(22);
        for (var round = 0; round < 1_000; round++)
        {
            var vocabSize = random.Next(1, 30);
            var processors = new LogitsProcessors(vocabSize);
            for (var reuse = 0; reuse < 3; reuse++)
            {
                int[] history = [.. Enumerable.Range(0, random.Next(0, 40)).Select(_ => random.Next(vocabSize))];
                var options = RandomTokenRules(random, vocabSize) with
                {
                    RepetitionPenalty = random.Next(3) == 0 ? null : 0.5f + random.NextSingle(),
                    NoRepeatNgramSize = random.Next(2) == 0 ? null : random.Next(0, 5),
                };
                var logits = RandomRow(random, vocabSize);
                var generated = random.Next(history.Length + 1);
                var expected = WarpOracle.Process(logits, history, options, generated);
                processors.Process(
                    logits, history, generated, new TokenRules(options, vocabSize, options.EosTokenIds!));
                Assert.Equal(expected, logits);
            }
        }
    }

    /// <summary>Options that name tokens, about half of them set.</summary>
    public static GenerationOptions RandomTokenRules(Random random, int vocabSize)
    {
        return new GenerationOptions
        {
            LogitBias = random.Next(2) == 0
                ? null
                : Ids(random.Next(4)).Distinct().ToDictionary(id => id, _ => (random.NextSingle() * 20) - 10),
            FrequencyPenalty = random.Next(2) == 0 ? null : (random.NextSingle() * 4) - 2,
            PresencePenalty = random.Next(2) == 0 ? null : (random.NextSingle() * 4) - 2,
            MinNewTokens = random.Next(2) == 0 ? 0 : random.Next(20),
            EosTokenIds = Ids(random.Next(3)),
            StopTokenIds = Ids(random.Next(3)),
            BadWordsIds = [.. Enumerable.Range(0, random.Next(6)).Select(_ => Ids(random.Next(1, 4)))],
            AllowedTokenIds = random.Next(4) == 0 ? Ids(random.Next(1, vocabSize + 1)) : null,
        };

        int[] Ids(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(vocabSize))];
    }

    [Fact]
    public void TiesWithTheKthStay()
    {
        float[] logits = [1, 2, 2, 3, 2];
        new LogitsWarpers(5).Warp(logits, new GenerationOptions { TopK = 2 });
        Assert.Equal([float.NegativeInfinity, 2, 2, 3, 2], logits);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1e-9f)]
    public void OneTokenIsAlwaysKept(float topP)
    {
        float[] logits = [1, 5, 2, 5];
        new LogitsWarpers(4).Warp(logits, new GenerationOptions { TopP = topP });
        Assert.Equal([float.NegativeInfinity, float.NegativeInfinity, float.NegativeInfinity, 5], logits);
        float[] others = [1, 5, 2, 4];
        new LogitsWarpers(4).Warp(others, new GenerationOptions { MinP = 1, TypicalP = 1e-9f });
        Assert.Equal([float.NegativeInfinity, 5, float.NegativeInfinity, float.NegativeInfinity], others);
    }

    [Fact]
    public void OptionsThatAreOffChangeNothing()
    {
        float[] logits = [1, -5, 2, float.NegativeInfinity];
        var processors = new LogitsProcessors(4);
        var options = new GenerationOptions { Temperature = 1, TopK = 0, TopP = 1, MinP = 0, TypicalP = 1, RepetitionPenalty = 1, NoRepeatNgramSize = 0 };
        options.Validate();
        processors.Process(logits, [0, 1, 0, 1], options);
        new LogitsWarpers(4).Warp(logits, options);
        Assert.Equal([1, -5, 2, float.NegativeInfinity], logits);
    }

    [Fact]
    public void RowOfAnotherVocabularyIsRefused()
        => Assert.Throws<ArgumentException>(() => new LogitsWarpers(4).Warp(new float[5], new GenerationOptions { TopK = 1 }));

    internal static float[] RandomRow(Random random, int vocabSize)
    {
        // Now and then few different values, so that there are ties, and removed tokens.
        var kind = random.Next(3);
        var row = Enumerable.Range(0, vocabSize).Select(_ => kind == 0 ? random.Next(-2, 3) : (float)((random.NextDouble() - 0.5) * 20)).ToArray();
        for (var i = 0; kind == 1 && i < vocabSize; i += random.Next(1, 10))
        {
            row[i] = float.NegativeInfinity;
        }

        row[random.Next(vocabSize)] = 1;
        return row;
    }

    internal static GenerationOptions RandomOptions(Random random) => new()
    {
        Temperature = random.Next(2) == 0 ? null : 0.1f + (2 * random.NextSingle()),
        TopK = random.Next(2) == 0 ? null : random.Next(0, 30),
        TopP = random.Next(2) == 0 ? null : random.Next(0, 11) / 10f,
        MinP = random.Next(3) != 0 ? null : random.NextSingle(),
        TypicalP = random.Next(3) != 0 ? null : 0.05f + (0.95f * random.NextSingle()),
    };
}
