using System.Globalization;
using TorchKv.Benchmarks.Serving;

namespace TorchKv.Benchmarks.Http;

/// <summary>The requests of the rows: streamed completions of a given length.</summary>
internal static class StreamRequest
{
    public const int PromptTokens = 16;

    /// <summary>Ids that every GPT-2 vocabulary of the rows has.</summary>
    public static int[] Prompt(int seed, int stream) => Measure.Ids((seed * 1000) + stream, PromptTokens, 2000);

    /// <summary>The body of a request.</summary>
    /// <param name="seed">The round: prompts of other rounds differ, so that none is found in the prefix cache.</param>
    /// <param name="stream">The stream's number.</param>
    /// <param name="tokens">Tokens to generate.</param>
    /// <param name="more">More fields, each with a comma before it.</param>
    public static string Body(int seed, int stream, int tokens, string more = "") => string.Create(
        CultureInfo.InvariantCulture,
        $$"""
        {"model":"m","prompt":[{{string.Join(',', Prompt(seed, stream))}}],"max_tokens":{{tokens}},"seed":1,"ignore_eos":true,"stream":true{{more}}}
        """);
}
