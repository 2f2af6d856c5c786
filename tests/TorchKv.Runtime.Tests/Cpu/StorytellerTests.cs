using System.Text.Json;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

/// <summary>
/// The default model matches HuggingFace's recorded output, and narrow weights raise its perplexity only a little.
/// </summary>
public sealed class StorytellerTests
{
    [Fact]
    public void BestNextTokensAndGreedyTextMatchHuggingFace()
    {
        using var runner = CpuRunner.Load(RepositoryFiles.Weights("storyteller"));
        foreach (var prompt in Storyteller.Golden.GetProperty("prompts").EnumerateArray())
        {
            var ids = Ints(prompt.GetProperty("prompt_ids"));
            var logits = RunnerSequence.For(runner, ids.Length).Run(ids)[^runner.Config.VocabSize..];
            var top = Ints(prompt.GetProperty("top_ids"));
            Assert.Equal(top, Enumerable.Range(0, logits.Length).OrderByDescending(id => logits[id]).Take(top.Length));
            var topLogits = prompt.GetProperty("top_logits").EnumerateArray().Select(value => value.GetSingle());
            foreach (var (id, expected) in top.Zip(topLogits))
            {
                var tolerance = 1e-4f + (1e-4f * Math.Abs(expected));
                Assert.InRange(logits[id], expected - tolerance, expected + tolerance);
            }

            var greedy = Ints(prompt.GetProperty("greedy_ids"));
            Assert.Equal(greedy, RunnerSequence.For(runner, ids.Length + greedy.Length).Greedy(ids, greedy.Length));
        }
    }

    [Fact]
    public void HeldOutLossMatchesHuggingFaceNarrowWeightsStayClose()
    {
        var weights = RepositoryFiles.Weights("storyteller");
        var losses = Enum.GetValues<CpuDType>().ToDictionary(dtype => dtype, dtype => HeldOutLoss(dtype, weights));
        var expected = Storyteller.Golden.GetProperty("heldout").GetProperty("stride_512").GetProperty("nll").GetDouble();
        Assert.Equal(expected, losses[CpuDType.Float32], 5);
        Assert.InRange(Cost(losses, CpuDType.BFloat16), -0.0005, 0.0005);
        Assert.InRange(Cost(losses, CpuDType.Int8), -0.003, 0.003);

        var q40 = Math.Exp(Q40Loss() - losses[CpuDType.Float32]) - 1;
        Assert.True(Cost(losses, CpuDType.Int4) <= q40, $"int4 costs {Cost(losses, CpuDType.Int4):P3}, Q4_0 {q40:P3}");
        TestContext.Current.TestOutputHelper?.WriteLine(
            string.Join(", ", losses.Keys.Select(dtype => $"{dtype} {Cost(losses, dtype):P3}")) + $", Q4_0 {q40:P3}");
    }

    /// <summary>
    /// The loss when the matrices of the layers are rounded like llama.cpp's Q4_0: groups of 32 inputs of an output
    /// share a float16 scale, and the weight of greatest magnitude is −8 times that scale. The head and the activations
    /// are exact here, which favours Q4_0.
    /// </summary>
    private static double Q40Loss()
    {
        using var folder = new TemporaryFolder();
        using (var checkpoint = Checkpoint.Open(RepositoryFiles.Weights("storyteller")))
        {
            CheckpointWriter.Save(folder.Path, checkpoint.Config, checkpoint.Tensors.Select(tensor =>
            {
                var values = new float[tensor.ElementCount];
                tensor.CopyTo(values);
                if (tensor.Name.StartsWith("transformer.h.", StringComparison.Ordinal) && tensor.Shape.Length == 2)
                {
                    Q40(values, (int)tensor.Shape[0], (int)tensor.Shape[1]);
                }

                return TensorSource.FromSingles(tensor.Name, tensor.Shape, values);
            }));
        }

        return HeldOutLoss(CpuDType.Float32, folder.Path);
    }

    private static void Q40(float[] values, int inputs, int outputs)
    {
        for (var output = 0; output < outputs; output++)
        {
            for (var first = 0; first < inputs; first += 32)
            {
                var group = Enumerable.Range(first, 32).Select(input => (input * outputs) + output).ToArray();
                var most = values[group.MaxBy(i => Math.Abs(values[i]))];
                var scale = most / -8;
                var stored = (float)(Half)scale;
                foreach (var i in group)
                {
                    var q = Math.Min(15, (int)((scale != 0 ? values[i] / scale : 0) + 8.5f));
                    values[i] = (q - 8) * stored;
                }
            }
        }
    }

    /// <summary>The increase of perplexity over float32, as a fraction.</summary>
    private static double Cost(Dictionary<CpuDType, double> losses, CpuDType dtype) =>
        Math.Exp(losses[dtype] - losses[CpuDType.Float32]) - 1;

    /// <summary>The mean negative log-likelihood over consecutive windows of the context length.</summary>
    private static double HeldOutLoss(CpuDType dtype, string folder)
    {
        var text = File.ReadAllText(RepositoryFiles.Fixture("storyteller", "heldout.txt"));
        var ids = Gpt2Tokenizer.Load(RepositoryFiles.Weights("storyteller")).Encode(text).ToArray();
        Assert.Equal(Storyteller.Golden.GetProperty("heldout").GetProperty("ids_count").GetInt32(), ids.Length);
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

        Assert.Equal(Storyteller.Golden.GetProperty("heldout").GetProperty("stride_512").GetProperty("tokens").GetInt32(), tokens);
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
