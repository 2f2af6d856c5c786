using System.Text.Json;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

/// <summary>The default model against what HuggingFace made of it, and what narrower weights cost on its held-out text.</summary>
public sealed class StorytellerTests
{
    private static readonly JsonElement Golden =
        JsonDocument.Parse(File.ReadAllBytes(RepositoryFiles.Fixture("storyteller", "golden.json"))).RootElement;

    [Fact]
    public void BestNextTokensAndGreedyTextAreHuggingFaces()
    {
        using var runner = CpuRunner.Load(RepositoryFiles.Weights("storyteller"));
        foreach (var prompt in Golden.GetProperty("prompts").EnumerateArray())
        {
            var ids = Ints(prompt.GetProperty("prompt_ids"));
            var logits = RunnerSequence.For(runner, ids.Length).Run(ids)[^runner.Config.VocabSize..];
            var top = Ints(prompt.GetProperty("top_ids"));
            Assert.Equal(top, Enumerable.Range(0, logits.Length).OrderByDescending(id => logits[id]).Take(top.Length));
            foreach (var (id, expected) in top.Zip(prompt.GetProperty("top_logits").EnumerateArray().Select(value => value.GetSingle())))
            {
                Assert.InRange(logits[id], expected - 1e-4f - (1e-4f * Math.Abs(expected)), expected + 1e-4f + (1e-4f * Math.Abs(expected)));
            }

            var greedy = Ints(prompt.GetProperty("greedy_ids"));
            Assert.Equal(greedy, RunnerSequence.For(runner, ids.Length + greedy.Length).Greedy(ids, greedy.Length));
        }
    }

    [Fact]
    public void HeldOutLossIsHuggingFacesAndNarrowerWeightsCostLittle()
    {
        var losses = Enum.GetValues<CpuDType>().ToDictionary(dtype => dtype, HeldOutLoss);
        var expected = Golden.GetProperty("heldout").GetProperty("stride_512").GetProperty("nll").GetDouble();
        Assert.Equal(expected, losses[CpuDType.Float32], 5);
        Assert.InRange(Cost(losses, CpuDType.BFloat16), -0.0005, 0.0005);
        Assert.InRange(Cost(losses, CpuDType.Int8), -0.003, 0.003);

        // llama.cpp's Q4_0 costs 0.9 % and more here; see docs/cpu-runner.md.
        Assert.InRange(Cost(losses, CpuDType.Int4), 0, 0.02);
    }

    /// <summary>Perplexity's increase over float32, as a fraction.</summary>
    private static double Cost(Dictionary<CpuDType, double> losses, CpuDType dtype) =>
        Math.Exp(losses[dtype] - losses[CpuDType.Float32]) - 1;

    /// <summary>Mean negative log-likelihood with windows of the context length, side by side.</summary>
    private static double HeldOutLoss(CpuDType dtype)
    {
        var folder = RepositoryFiles.Weights("storyteller");
        var ids = Gpt2Tokenizer.Load(folder).Encode(File.ReadAllText(RepositoryFiles.Fixture("storyteller", "heldout.txt"))).ToArray();
        Assert.Equal(Golden.GetProperty("heldout").GetProperty("ids_count").GetInt32(), ids.Length);
        using var runner = CpuRunner.Load(folder, new CpuRunnerOptions { DType = dtype });
        var vocabulary = runner.Config.VocabSize;
        double sum = 0;
        var tokens = 0;
        for (var start = 0; start < ids.Length; start += runner.Config.ContextLength)
        {
            var window = ids[start..Math.Min(ids.Length, start + runner.Config.ContextLength)];
            var logits = RunnerSequence.For(runner, window.Length).Run(window);
            for (var i = 0; i + 1 < window.Length; i++)
            {
                var row = logits.AsSpan(i * vocabulary, vocabulary);
                double max = Greatest(row), total = 0;
                foreach (var value in row)
                {
                    total += Math.Exp(value - max);
                }

                sum += max + Math.Log(total) - row[window[i + 1]];
                tokens++;
            }
        }

        Assert.Equal(Golden.GetProperty("heldout").GetProperty("stride_512").GetProperty("tokens").GetInt32(), tokens);
        return sum / tokens;
    }

    private static float Greatest(ReadOnlySpan<float> values)
    {
        var max = values[0];
        foreach (var value in values)
        {
            max = Math.Max(max, value);
        }

        return max;
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
