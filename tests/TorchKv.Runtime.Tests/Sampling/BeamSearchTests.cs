using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Sampling;

[Trait("speed", "fast")]
public class BeamSearchTests
{
    [Fact]
    public void RandomSearchesGiveWhatHuggingFacesAlgorithmGives()
    {
        var random = new Random(41);
        for (var round = 0; round < 600; round++)
        {
            var vocabSize = random.Next(12, 40);
            var model = new TableModel(random.Next(), vocabSize);
            int[] eos = [.. Enumerable.Range(0, random.Next(0, 3)).Select(_ => random.Next(vocabSize)).Distinct()];
            int[] prompt = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(vocabSize))];
            var options = new BeamSearchOptions
            {
                NumBeams = random.Next(1, 5),
                LengthPenalty = random.Next(4) switch { 0 => 0, 1 => 2, 2 => -1, _ => 1 },
                EarlyStopping = (EarlyStopping)random.Next(3),
            };
            options = options with { NumReturnSequences = random.Next(1, options.NumBeams + 1) };
            var sampling = new GenerationOptions
            {
                RepetitionPenalty = random.Next(2) == 0 ? null : 1.3f,
                NoRepeatNgramSize = random.Next(2) == 0 ? null : 2,
                EosTokenIds = eos,
                LogitBias = random.Next(2) == 0 ? null : new Dictionary<int, float> { [random.Next(vocabSize)] = 2 },
                FrequencyPenalty = random.Next(2) == 0 ? null : 0.5f,
                PresencePenalty = random.Next(2) == 0 ? null : -0.25f,
                MinNewTokens = random.Next(4),
                BadWordsIds = random.Next(2) == 0 ? [] : [[random.Next(vocabSize)], [prompt[^1], random.Next(vocabSize)]],
            };
            var maxNewTokens = random.Next(1, 10);
            var expected = BeamOracle.Run(
                model.Next,
                prompt,
                options,
                eos,
                maxNewTokens,
                (scores, tokens) => WarpOracle.Process(scores, tokens, sampling, tokens.Length - prompt.Length));
            var actual = Run(new BeamSearch(prompt, vocabSize, options, eos, maxNewTokens, sampling), model.Next);
            Assert.Equal(expected.Select(sequence => sequence.Tokens), actual.Select(WithEnd));
            Assert.All(
                expected.Zip(actual),
                pair => Assert.InRange(pair.Second.Score, pair.First.Score - 1e-5f, pair.First.Score + 1e-5f));
        }
    }

    [Fact]
    public void ABeamForEverySequenceFindsTheBestOfAll()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            // Three tokens, one of them the end, four steps: 2^0 + … + 2^3 ends and 16 of full length.
            var model = new TableModel(seed, 3);
            var options = new BeamSearchOptions { NumBeams = 48, LengthPenalty = 0, EarlyStopping = EarlyStopping.WhenCertain, NumReturnSequences = 10 };
            var actual = Run(new BeamSearch([0], 3, options, [2], 4), model.Next);
            var expected = Enumerate(model, [0], 0).OrderByDescending(sequence => sequence.Score).Take(10).ToArray();
            Assert.Equal(expected.Select(sequence => sequence.Tokens), actual.Select(WithEnd));
            Assert.All(
                expected.Zip(actual),
                pair => Assert.InRange(pair.Second.Score, pair.First.Score - 1e-5, pair.First.Score + 1e-5));
        }

        static IEnumerable<(int[] Tokens, double Score)> Enumerate(TableModel model, int[] tokens, double score)
        {
            var logits = model.Next(tokens);
            var logSum = Math.Log(logits.Sum(logit => Math.Exp((double)logit)));
            for (var token = 0; token < 3; token++)
            {
                int[] longer = [.. tokens, token];
                var sum = score + logits[token] - logSum;
                foreach (var sequence in token == 2 || longer.Length == 5
                        ? [(longer[1..], sum)]
                        : Enumerate(model, longer, sum))
                {
                    yield return sequence;
                }
            }
        }
    }

    [Fact]
    public void OneBeamIsGreedyDecoding()
    {
        var model = new TableModel(5, 50);
        int[] tokens = [3];
        for (var i = 0; i < 12; i++)
        {
            tokens = [.. tokens, Sampler.Best(model.Next(tokens))];
        }

        var found = Assert.Single(
            Run(new BeamSearch([3], 50, new BeamSearchOptions { NumBeams = 1 }, [], 12), model.Next));
        Assert.Equal(tokens[1..], found.TokenIds);
        Assert.Equal(FinishReason.Length, found.FinishReason);
    }

    [Fact]
    public void FirstLogitsMayBeOneRowOrOneABeam()
    {
        var model = new TableModel(6, 30);
        var one = new BeamSearch([1, 2], 30, new BeamSearchOptions { NumBeams = 3 }, [4], 5);
        var each = new BeamSearch([1, 2], 30, new BeamSearchOptions { NumBeams = 3 }, [4], 5);
        one.Advance(model.Next([1, 2]));
        each.Advance(Enumerable.Repeat(model.Next([1, 2]), 3).SelectMany(row => row).ToArray());
        Assert.Equal(one.NextTokens.ToArray(), each.NextTokens.ToArray());
        Assert.Equal([0, 0, 0], one.BeamIndices.ToArray());
        Assert.Equal([0, 0, 0], each.BeamIndices.ToArray());
    }

    [Fact]
    public void WhatCannotBeServedIsRefusedAndChangesNothing()
    {
        var search = new BeamSearch([1], 10, new BeamSearchOptions { NumBeams = 2 }, [9], 3);
        Assert.Throws<ArgumentException>(() => search.Advance(new float[15]));
        Assert.Throws<ArgumentException>(() => search.Advance(new float[30]));
        float[] bad = [.. Enumerable.Range(0, 10).Select(i => i == 7 ? float.NaN : i)];
        Assert.Throws<RequestFailedException>(() => search.Advance(bad));
        Assert.Equal(0, search.Step);
        Assert.Empty(search.Finish());
        search.Advance(new float[10]);
        Assert.Throws<ArgumentException>(() => search.Advance(new float[10]));
        search.Advance(new float[20]);
        search.Advance(new float[20]);
        Assert.True(search.IsDone);
        Assert.Throws<InvalidOperationException>(() => search.Advance(new float[20]));

        Assert.Equal(
            "num_beams",
            Assert.Throws<OptionException>(() => new BeamSearch([1], 10, new BeamSearchOptions(), [9], 3, new GenerationOptions { TopK = 4 })).Option);
        Assert.Equal(
            "num_beams",
            Assert.Throws<OptionException>(() => new BeamSearch([1], 1, new BeamSearchOptions(), [0], 3)).Option);
        Assert.Equal(
            "max_new_tokens",
            Assert.Throws<OptionException>(() => new BeamSearch([1], 10, new BeamSearchOptions(), [9], 0)).Option);
    }

    [Theory]
    [InlineData(-5, 60, 1)]
    [InlineData(-5, 60, 4)]
    [InlineData(-3, 500, 4)]
    [InlineData(-100, 40, 4)]
    [InlineData(100, 40, 4)]
    public void ASearchGivesSequencesHoweverLowTheirScoresAre(float lengthPenalty, int newTokens, int beams)
    {
        var model = new TableModel(8, 50);
        var options = new BeamSearchOptions { NumBeams = beams, NumReturnSequences = beams, LengthPenalty = lengthPenalty };
        var found = Run(new BeamSearch([3], 50, options, [], newTokens), model.Next);
        Assert.Equal(beams, found.Count);
        Assert.All(found, sequence => Assert.Equal(newTokens, sequence.TokenIds.Count));
        Assert.All(found, sequence => Assert.True(float.IsFinite(sequence.Score)));
        Assert.Equal(beams, found.Select(sequence => string.Join(",", sequence.TokenIds)).Distinct().Count());

        // All are of one length, so that their order is that of a search without a penalty.
        var plain = Run(new BeamSearch([3], 50, options with { LengthPenalty = 0 }, [], newTokens), model.Next);
        Assert.Equal(plain[0].TokenIds, found[0].TokenIds);
        if (lengthPenalty < 0)
        {
            Assert.True(found[0].Score < -1e9f);
        }
    }

    [Fact]
    public void AShortSequenceBeatsALongOneBelowTheFloor()
    {
        // With a penalty of −5 a sequence of n tokens has its log-probability times n⁵.
        var model = new TableModel(9, 30);
        var options = new BeamSearchOptions { NumBeams = 3, NumReturnSequences = 3, LengthPenalty = -5 };
        var found = Run(new BeamSearch([1, 2], 30, options, [4], 200), model.Next);
        Assert.Equal(3, found.Count);
        Assert.Equal(found.OrderByDescending(sequence => sequence.Score), found);
        Assert.Equal(4, found[0].EosTokenId);
    }

    [Fact]
    public void WhereEveryTokenIsBannedFinishedBeamsAreReturned()
    {
        // Tokens 0 to 3, 3 ends the text, and no token may appear twice: after three steps nothing is left.
        var banned = new GenerationOptions { NoRepeatNgramSize = 1 };
        var ending = new BeamSearch([0], 4, new BeamSearchOptions { NumBeams = 2 }, [3], 50, banned);
        var found = Run(ending, _ => [4, 3, 2, 1]);
        Assert.Equal(FinishReason.Stop, found[0].FinishReason);

        var endless = new BeamSearch([0], 4, new BeamSearchOptions { NumBeams = 2 }, [], 50, banned);
        var refusal = Assert.Throws<RequestFailedException>(() => Run(endless, _ => [4, 3, 2, 1]));
        Assert.Contains("No token is left", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("no_repeat_ngram_size", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LogitsMayBeGivenBeamByBeam()
    {
        var model = new TableModel(10, 40);
        var options = new BeamSearchOptions { NumBeams = 3 };
        var (whole, single) = (
            new BeamSearch([1, 2], 40, options, [4], 12), new BeamSearch([1, 2], 40, options, [4], 12));
        whole.Advance(model.Next([1, 2]));
        single.Advance(model.Next([1, 2]));
        Assert.Throws<InvalidOperationException>(() => single.Advance());
        while (!whole.IsDone)
        {
            whole.Advance(Enumerable.Range(0, 3).SelectMany(beam => model.Next([.. whole.Tokens(beam)])).ToArray());
            for (var beam = 0; beam < 3; beam++)
            {
                single.AddLogits(model.Next([.. single.Tokens(beam)]));
            }

            Assert.Throws<InvalidOperationException>(() => single.AddLogits(new float[40]));
            single.Advance();
            Assert.Equal(whole.NextTokens.ToArray(), single.NextTokens.ToArray());
            Assert.Equal(whole.BeamIndices.ToArray(), single.BeamIndices.ToArray());
        }

        Assert.True(single.IsDone);
        Assert.Equal(
            whole.Finish().Select(s => (string.Join(",", s.TokenIds), s.Score)),
            single.Finish().Select(s => (string.Join(",", s.TokenIds), s.Score)));
    }

    [Fact]
    public void StepsAllocateNothing()
    {
        var model = new TableModel(7, 500);
        float[] rows = [.. Enumerable.Range(0, 4).SelectMany(i => model.Next([i]))];
        float[] logits = [.. rows];
        Assert.Equal(0, Allocations.Fewest(() =>
        {
            var search = new BeamSearch(
                [1],
                500,
                new BeamSearchOptions { NumBeams = 4, LengthPenalty = 1.5f },
                [9],
                60,
                new GenerationOptions { RepetitionPenalty = 1.2f, NoRepeatNgramSize = 3 });
            search.Advance(model.Next([1]));
            rows.CopyTo(logits, 0);
            search.Advance(logits);
            return () =>
            {
                for (var step = 0; step < 40 && !search.IsDone; step++)
                {
                    rows.CopyTo(logits, 0);
                    search.Advance(logits);
                }

                Assert.True(search.Step > 10);
            };
        }));
    }

    private static int[] WithEnd(BeamHypothesis hypothesis) =>
        [.. hypothesis.TokenIds, .. hypothesis.EosTokenId is { } end ? [end] : Array.Empty<int>()];

    private static IReadOnlyList<BeamHypothesis> Run(BeamSearch search, Func<int[], float[]> next)
    {
        int[] prompt = [.. search.Tokens(0)];
        search.Advance(next(prompt));
        while (!search.IsDone)
        {
            search.Advance(
                Enumerable.Range(0, search.NumBeams).SelectMany(beam => next([.. search.Tokens(beam)])).ToArray());
        }

        return search.Finish();
    }

    /// <summary>Logits that depend on the sequence's last two tokens, without pattern.</summary>
    private sealed class TableModel(int seed, int vocabSize)
    {
        public float[] Next(int[] tokens)
        {
            var random = new Random(HashCodeOf(tokens));
            return [.. Enumerable.Range(0, vocabSize).Select(_ => (float)(random.NextDouble() * 6))];
        }

        private int HashCodeOf(int[] tokens) =>
            (seed * 31) + (tokens[^1] * 1_000_003) + ((tokens.Length > 1 ? tokens[^2] : 77) * 7_919);
    }
}
