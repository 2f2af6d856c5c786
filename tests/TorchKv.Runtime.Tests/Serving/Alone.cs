using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>What a request gives by itself, computed without blocks, batches or an engine.</summary>
internal static class Alone
{
    public static List<int> Generate(
        FakeRunner runner,
        IReadOnlyList<int> prompt,
        GenerationOptions options,
        int row = 0)
    {
        var sampler = new Sampler(runner.Model.VocabSize);
        var tokens = prompt.ToList();
        var seed = Sampler.SeedOf(options.Seed ?? 0, row);
        var eos = options.EosTokenIds ?? runner.Model.EosTokenIds;
        for (var step = 0; step < options.MaxNewTokens && tokens.Count < runner.Model.ContextLength; step++)
        {
            var logits = FakeModel.Logits(tokens, runner.Model.VocabSize);
            var token = sampler.Sample(logits, [.. tokens], options, seed, step);
            if (eos.Contains(token))
            {
                break;
            }

            tokens.Add(token);
        }

        return tokens[prompt.Count..];
    }

    public static Task<Dictionary<int, List<int>>> Read(IAsyncEnumerable<GeneratedPiece> pieces, int rows = 1) =>
        EngineReading.Ids(pieces, rows);
}
