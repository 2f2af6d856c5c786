using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Structured.Tests;

public sealed class ConstrainedStepTests
{
    private const string Schema = """
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
            "required": ["name", "age"],
            "additionalProperties": false
          }
        }
        """;

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    public async Task AWarmConstrainedDecodeStepAllocatesNothing(float temperature)
    {
        const int Tokens = 60;
        var folder = RepositoryFiles.Weights("storyteller");
        var tokenizer = Gpt2Tokenizer.Load(folder);
        using var runner = CpuRunner.Load(folder, new CpuRunnerOptions { Threads = 2 });
        var vocabulary = runner.Config.VocabSize;
        var matcher = await TokenConstraint.JsonSchema(Schema).CompileAsync(tokenizer);
        var options = new GenerationOptions { Temperature = temperature };
        var rules = new TokenRules(options, vocabulary, runner.Config.EosTokenIds);
        var sampler = new Sampler(vocabulary);
        var (logits, history, drafts) = (new float[vocabulary], new int[Tokens + 1], new int[8]);
        var rows = new RunnerRow[1];
        var forced = 0;
        var taken = 0;
        Assert.Equal(0, Allocations.Fewest(() =>
        {
            // The same text again: masks are known, and the matcher's own lists have their length.
            matcher.RemoveLast(taken);
            taken = Tokens;
            var sequence = RunnerSequence.For(runner, Tokens + 1);
            var constraint = new SequenceConstraint(matcher, tokenizer.VocabSize, vocabulary, rules.EndIds);
            return () => Run(sequence, constraint);
        }));
        Assert.InRange(forced, 1, int.MaxValue);

        void Run(RunnerSequence sequence, SequenceConstraint constraint)
        {
            for (var i = 0; i < Tokens; i++)
            {
                rows[0] = sequence.Next(history.AsMemory(i, 1), LogitsWanted.Last);
                runner.Step(rows, logits);
                forced += constraint.WriteForced(drafts);
                history[i + 1] = sampler.Sample(logits, history.AsSpan(0, i + 1), rules, constraint, 7, i);
                constraint.Append(history[i + 1]);
            }
        }
    }
}
