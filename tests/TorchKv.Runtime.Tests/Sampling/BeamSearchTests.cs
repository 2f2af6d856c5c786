using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Sampling;

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
            };
            var maxNewTokens = random.Next(1, 10);
            var expected = BeamOracle.Run(model.Next, prompt, options, eos, maxNewTokens, (scores, tokens) => WarpOracle.Process(scores, tokens, sampling));
            var actual = Run(new BeamSearch(prompt, vocabSize, options, eos, maxNewTokens, sampling), model.Next);
            Assert.Equal(expected.Select(sequence => sequence.Tokens), actual.Select(WithEnd));
            Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.Second.Score, pair.First.Score - 1e-5f, pair.First.Score + 1e-5f));
        }
    }

    [Fact]
    public void SearchWithABeamForEverySequenceFindsTheBestOfAll()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            // Three tokens, one of them the end, four steps: 2^0 + … + 2^3 ends and 16 of full length.
            var model = new TableModel(seed, 3);
            var options = new BeamSearchOptions { NumBeams = 48, LengthPenalty = 0, EarlyStopping = EarlyStopping.WhenCertain, NumReturnSequences = 10 };
            var actual = Run(new BeamSearch([0], 3, options, [2], 4), model.Next);
            var expected = Enumerate(model, [0], 0).OrderByDescending(sequence => sequence.Score).Take(10).ToArray();
            Assert.Equal(expected.Select(sequence => sequence.Tokens), actual.Select(WithEnd));
            Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.Second.Score, pair.First.Score - 1e-5, pair.First.Score + 1e-5));
        }

        static IEnumerable<(int[] Tokens, double Score)> Enumerate(TableModel model, int[] tokens, double score)
        {
            var logits = model.Next(tokens);
            var logSum = Math.Log(logits.Sum(logit => Math.Exp((double)logit)));
            for (var token = 0; token < 3; token++)
            {
                int[] longer = [.. tokens, token];
                var sum = score + logits[token] - logSum;
                foreach (var sequence in token == 2 || longer.Length == 5 ? [(longer[1..], sum)] : Enumerate(model, longer, sum))
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

        var found = Assert.Single(Run(new BeamSearch([3], 50, new BeamSearchOptions { NumBeams = 1 }, [], 12), model.Next));
        Assert.Equal(tokens[1..], found.TokenIds);
        Assert.Equal(FinishReason.Length, found.FinishReason);
    }

    [Fact]
    public void FirstLogitsMayBeOneRowOrOneForEachBeam()
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
        Assert.Throws<TorchKvException>(() => search.Advance(bad));
        Assert.Equal(0, search.Step);
        Assert.Empty(search.Finish());
        search.Advance(new float[10]);
        Assert.Throws<ArgumentException>(() => search.Advance(new float[10]));
        search.Advance(new float[20]);
        search.Advance(new float[20]);
        Assert.True(search.IsDone);
        Assert.Throws<InvalidOperationException>(() => search.Advance(new float[20]));

        Assert.Equal("num_beams", Assert.Throws<OptionException>(() => new BeamSearch([1], 10, new BeamSearchOptions(), [9], 3, new GenerationOptions { TopK = 4 })).Option);
        Assert.Equal("num_beams", Assert.Throws<OptionException>(() => new BeamSearch([1], 1, new BeamSearchOptions(), [0], 3)).Option);
        Assert.Equal("max_new_tokens", Assert.Throws<OptionException>(() => new BeamSearch([1], 10, new BeamSearchOptions(), [9], 0)).Option);
    }

    [Fact]
    public void StepsAllocateNothing()
    {
        var model = new TableModel(7, 500);
        float[] rows = [.. Enumerable.Range(0, 4).SelectMany(i => model.Next([i]))];
        float[] logits = [.. rows];
        Assert.Equal(0, Allocations.Fewest(() =>
        {
            var search = new BeamSearch([1], 500, new BeamSearchOptions { NumBeams = 4, LengthPenalty = 1.5f }, [9], 60, new GenerationOptions { RepetitionPenalty = 1.2f, NoRepeatNgramSize = 3 });
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

    private static int[] WithEnd(BeamHypothesis hypothesis) => [.. hypothesis.TokenIds, .. hypothesis.EosTokenId is { } end ? [end] : Array.Empty<int>()];

    private static IReadOnlyList<BeamHypothesis> Run(BeamSearch search, Func<int[], float[]> next)
    {
        int[] prompt = [.. search.Tokens(0)];
        search.Advance(next(prompt));
        while (!search.IsDone)
        {
            search.Advance(Enumerable.Range(0, search.NumBeams).SelectMany(beam => next([.. search.Tokens(beam)])).ToArray());
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

        private int HashCodeOf(int[] tokens) => (seed * 31) + (tokens[^1] * 1_000_003) + ((tokens.Length > 1 ? tokens[^2] : 77) * 7_919);
    }
}
