using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>
/// What a constrained sample is: the tokens of a model that gives −∞ to all others, sampled without an engine.
/// </summary>
internal static class ConstraintOracle
{
    public static List<int> Generate(
        FakeRunner runner, IReadOnlyList<int> prompt, GenerationOptions options, TokenTrieConstraint constraint, int row = 0)
    {
        var sampler = new Sampler(runner.Model.VocabSize);
        var end = runner.Model.EosTokenIds.Single();
        var (tokens, generated) = (prompt.ToList(), new List<int>());
        for (var step = 0; step < options.MaxNewTokens && tokens.Count < runner.Model.ContextLength; step++)
        {
            int[] allowed = [.. constraint.After(generated).Select(sequence => sequence[step])];
            if (allowed.Length == 0)
            {
                break;
            }

            allowed = constraint.IsWhole(generated) ? [.. allowed, end] : allowed;
            var logits = FakeModel.Logits(tokens, runner.Model.VocabSize);
            for (var id = 0; id < logits.Length; id++)
            {
                logits[id] = allowed.Contains(id) ? logits[id] : float.NegativeInfinity;
            }

            var token = sampler.Sample(
                logits, [.. tokens], options with { Constraint = null }, Sampler.SeedOf(options.Seed ?? 0, row), step);
            if (token == end)
            {
                break;
            }

            tokens.Add(token);
            generated.Add(token);
        }

        return generated;
    }

    /// <summary>Sequences of random tokens below the end-of-text id that share beginnings.</summary>
    public static TokenTrieConstraint Random(Random random, int vocabulary, int count = 8, int longest = 24)
    {
        var sequences = new List<int[]>();
        while (sequences.Count < count)
        {
            int[] before = sequences.Count == 0 ? [] : sequences[random.Next(sequences.Count)];
            int[] sequence =
            [
                .. before[..random.Next(before.Length + 1)],
                .. Enumerable.Range(0, random.Next(1, longest)).Select(_ => random.Next(vocabulary - 1)),
            ];
            sequences.Add(sequence[..Math.Min(sequence.Length, longest)]);
        }

        return new TokenTrieConstraint([.. sequences]);
    }
}
