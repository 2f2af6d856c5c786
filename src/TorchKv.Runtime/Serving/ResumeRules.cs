using System.Globalization;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Runtime.Serving;

/// <summary>What the tokens must keep to that an earlier request generated before it was cut off.</summary>
internal static class ResumeRules
{
    /// <summary>Refuses tokens after which no request with these options would have gone on.</summary>
    /// <param name="before">The tokens generated before; each is in the vocabulary.</param>
    /// <param name="options">The request's options, validated.</param>
    /// <param name="model">The model's shape.</param>
    /// <param name="tokenizer">The engine's vocabulary; null where it has none.</param>
    /// <exception cref="RequestException">
    /// One of the tokens ends the text and is no part of it, or another token follows where the text has ended.
    /// </exception>
    public static void Check(
        ReadOnlySpan<int> before, GenerationOptions options, ModelShape model, Gpt2Tokenizer? tokenizer)
    {
        var eos = options.EosTokenIds ?? model.EosTokenIds;
        var detokenizer = tokenizer is null ? null : Detokenizer(tokenizer, options);
        for (var i = 0; i < before.Length; i++)
        {
            if (eos.Contains(before[i]))
            {
                throw Refusal(before, i, "it is an end-of-text id, which is no part of the text");
            }

            var isStop = options.StopTokenIds.Contains(before[i]);
            if (isStop && !options.IncludeStopText)
            {
                throw Refusal(before, i, "it is a stop id, which is no part of the text");
            }

            detokenizer?.Append(before[i]);
            if (i + 1 < before.Length && (isStop || detokenizer?.IsStopped == true))
            {
                throw Refusal(before, i, "it ended the text, so that no token can follow");
            }
        }
    }

    /// <summary>The detokenizer of one sample.</summary>
    public static IncrementalDetokenizer Detokenizer(Gpt2Tokenizer tokenizer, GenerationOptions options) => new(
        tokenizer, options.Stop, includeStop: options.IncludeStopText, minTokens: options.MinNewTokens);

    private static RequestException Refusal(ReadOnlySpan<int> before, int index, string reason) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"Token {before[index]}, number {index + 1} of the {before.Length} generated before, is refused: {reason}."));
}
