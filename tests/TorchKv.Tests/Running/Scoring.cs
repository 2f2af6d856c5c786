using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.TestSupport;

namespace TorchKv.Tests.Running;

/// <summary>
/// Holds generated tokens to the model: whatever a request was batched with, each token's log-probability is the one
/// that the same text gets when it is scored alone, within rounding; and a greedy token is the best one there, within
/// rounding.
/// </summary>
internal static class Scoring
{
    // Rounding in another order of summation, of log-probabilities of float32 logits
    public const double Tolerance = 2e-4;

    /// <param name="alone">An engine without prefix caching that nothing else uses at the same time.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="tokens">The new tokens, scored.</param>
    /// <param name="isGreedy">Whether each is the best.</param>
    /// <param name="what">Names the request in a failure.</param>
    public static async Task Check(
        Engine alone, int[] prompt, IReadOnlyList<ScoredToken> tokens, bool isGreedy, string what)
    {
        if (tokens.Count == 0)
        {
            return;
        }

        int[] text = [.. prompt, .. tokens.Select(token => token.TokenId)];
        var options = new GenerationOptions { MaxNewTokens = 0, PromptLogProbs = true, LogProbs = 1 };
        var pieces = (await EngineReading.All(alone.GenerateAsync(text, options)))[0];
        var expected = pieces[0].PromptLogProbs!.Skip(prompt.Length - 1).ToArray();
        Assert.Equal(tokens.Count, expected.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i].TokenId, tokens[i].TokenId);
            Assert.True(
                Math.Abs(expected[i].LogProbability - tokens[i].LogProbability) <= Tolerance,
                $"{what}: token {i} has {tokens[i].LogProbability}, alone {expected[i].LogProbability}");
            if (isGreedy)
            {
                Assert.True(
                    expected[i].Best[0].LogProbability - expected[i].LogProbability <= Tolerance,
                    $"{what}: token {i} is not the best one");
            }
        }
    }
}
