using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Serving;

namespace TorchKv.TestSupport;

/// <summary>Requests that were cut off and continued in another engine over any real runner.</summary>
public abstract class EngineResumeTests
{
    private const string Prompt = "Once upon a time";

    /// <summary>How far log-probabilities may be apart; 0: not a bit.</summary>
    protected abstract double Tolerance { get; }

    [Fact]
    public async Task CutAnywhereAndResumedElsewhereIsTheUninterruptedStream()
    {
        await using var first = await LoadAsync(Storyteller.Folder, new EngineOptions(), 64);
        await using var second = await LoadAsync(Storyteller.Folder, new EngineOptions(), 64);
        int[] prompt = [.. first.Tokenizer!.Encode(Prompt)];
        var greedy = new GenerationOptions { MaxNewTokens = 40, LogProbs = 2 };
        var sampled = greedy with { Temperature = 0.9f, TopP = 0.95f, Seed = 5, RepetitionPenalty = 1.1f };
        var constraint = new TokenTrieConstraint(
            [.. first.Tokenizer.Encode(", there was a little girl named Lily.")],
            [.. first.Tokenizer.Encode(", there was a big dog. He was sad.")]);
        GenerationOptions[] all =
        [
            greedy,
            sampled,
            sampled with { FrequencyPenalty = 0.5f, PresencePenalty = 0.5f, NoRepeatNgramSize = 3, MinNewTokens = 30 },
            sampled with { Stop = [" the", " and", "."], MinNewTokens = 8 },
            sampled with { Speculation = new SpeculationOptions { MinMatch = 1 } },
            sampled with { Constraint = constraint },
        ];
        var random = new Random(1);
        foreach (var options in all)
        {
            var whole = await Resumption.ReadAsync(first.GenerateAsync(prompt, options));
            Assert.True(whole.Count > 3, $"{whole.Count} pieces");
            foreach (var cut in new[] { 1, random.Next(2, whole.Count - 1), whole.Count - 1 })
            {
                var rest = await Resumption.ResumeAsync(second, prompt, options, whole[..cut]);
                Resumption.AssertSame(whole[cut..], rest, Tolerance);
            }
        }

        await EngineReading.AllBlocksAreBack(second);
    }

    /// <summary>An engine over the runner.</summary>
    protected abstract Task<Engine> LoadAsync(string folder, EngineOptions options, int blocks);
}
