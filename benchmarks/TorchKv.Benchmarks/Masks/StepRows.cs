using System.Diagnostics;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Serving;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Structured;
using TorchKv.Structured.Contracts;

namespace TorchKv.Benchmarks.Masks;

/// <summary>What a constraint adds to a decode step of the engine, and what its forced tokens save.</summary>
internal static class StepRows
{
    private const int PromptTokens = 8;

    // Tokens at both ends of a text whose times do not count: other requests' prompts, and requests that ended.
    private const int Margin = 4;

    // Whitespace may stand between the tokens, so that next to nothing is forced: a step chooses one token a sequence.
    private const string Free = """
        {
          "type": "array",
          "minItems": 1000,
          "items": {
            "anyOf": [
              { "type": "string", "maxLength": 12 },
              { "type": "number" },
              { "enum": ["red", "green", "blue"] },
              { "type": "object", "additionalProperties": { "type": "boolean" }, "propertyNames": { "maxLength": 8 } }
            ]
          }
        }
        """;

    private const string Records = """
        {
          "type": "array",
          "minItems": 1000,
          "items": {
            "type": "object",
            "properties": {
              "name": { "type": "string", "maxLength": 12 },
              "age": { "type": "integer", "minimum": 1, "maximum": 120 },
              "colour": { "enum": ["red", "green", "blue"] }
            },
            "required": ["name", "age", "colour"],
            "additionalProperties": false
          }
        }
        """;

    /// <summary>Measures a model, with and without a constraint in turn.</summary>
    /// <param name="model">A checkpoint with a vocabulary.</param>
    /// <param name="threads">The runner's threads.</param>
    /// <param name="quick">Fewer rounds.</param>
    public static async Task<Figure[]> RunAsync(string model, int threads, bool quick)
    {
        var cpu = new CpuRunnerOptions { Threads = threads, BlockCount = 640, MaxTokensPerStep = 512 };
        await using var engine = await ServingRows.Load(model, cpu, 512);
        var free = TokenConstraint.JsonSchema(Free, new JsonSchemaOptions { Whitespace = JsonWhitespace.Flexible });
        var records = TokenConstraint.JsonSchema(Records);
        var figures = new List<Figure>();
        var rounds = quick ? 3 : 7;
        foreach (var (batch, tokens) in ((int, int)[])[(1, 56), (32, 32)])
        {
            var steps = new Rounds();
            for (var round = -1; round < rounds; round++)
            {
                var plain = await Step(null);
                var constrained = await Step(free);
                if (round >= 0)
                {
                    steps.Add("plain", plain);
                    steps.Add("constrained", constrained);
                }
            }

            figures.Add(new(
                $"decode step with a constraint ÷ without, batch {batch}",
                steps.Ratio("constrained", "plain"),
                "≤ 1.05",
                $"{steps.Median("constrained"):0.0} ms ÷ {steps.Median("plain"):0.0} ms"));

            async Task<double> Step(TokenConstraint? constraint) => Statistics.Median(
                await Task.WhenAll(Enumerable.Range(0, batch).Select(i => TimeOfStep(i, constraint))));

            // Milliseconds a token of a text's middle.
            async Task<double> TimeOfStep(int index, TokenConstraint? constraint)
            {
                var times = new List<long>();
                await foreach (var piece in engine.GenerateAsync(Prompt(index), Options(constraint, tokens)))
                {
                    times.AddRange(Enumerable.Repeat(Stopwatch.GetTimestamp(), piece.TokenIds.Count));
                }

                return times.Count == tokens
                    ? Stopwatch.GetElapsedTime(times[Margin], times[^Margin]).TotalMilliseconds
                        / (tokens - (2 * Margin))
                    : throw new InvalidDataException($"A text ended after {times.Count} of {tokens} tokens.");
            }
        }

        var before = engine.Stats;
        await Measure.Time(engine, Prompt(0), Options(records, 200));
        var after = engine.Stats;
        figures.Add(new(
            "steps that a list of records takes, of 100 tokens",
            100.0 * (after.Steps - before.Steps) / (after.GeneratedTokens - before.GeneratedTokens),
            "",
            $"{after.AcceptedDraftTokens - before.AcceptedDraftTokens} of 200 tokens are forced and need no step"));
        return [.. figures];

        int[] Prompt(int index) => Measure.Ids(500 + index, PromptTokens, engine.Model.VocabSize);
    }

    // A constraint says itself where the text may end; without one, an end-of-text id must not end it.
    private static GenerationOptions Options(TokenConstraint? constraint, int tokens) =>
        new() { MaxNewTokens = tokens, EosTokenIds = constraint is null ? [] : null, Constraint = constraint };
}
