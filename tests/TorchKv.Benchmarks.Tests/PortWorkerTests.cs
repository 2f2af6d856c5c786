using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Port;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Runtime.Configuration;
using TorchKv.Testing;
using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.Benchmarks.Tests;

public class PortWorkerTests
{
    private static readonly Gpt2Config s_config = new()
    {
        VocabSize = 97,
        ContextLength = 48,
        EmbeddingSize = 32,
        LayerCount = 2,
        HeadCount = 4,
        BosTokenId = null,
        EosTokenIds = [],
    };

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float16)]
    public void EveryCacheGivesTheSameTokensOnTheCpu(ScalarType dtype)
    {
        using var model = GPTModel.from_pretrained(RepositoryFiles.At("weights", "storyteller"), CPU, dtype);
        model.eval();
        var worker = new PortWorker(model, CPU);
        foreach (var batch in new[] { 1, 3 })
        {
            var expected = worker.Answer(new TorchRequest("none", batch, Prompt: 20, New: 12));
            Assert.True(expected.Ids.Distinct().Count() > 3);
            foreach (var cache in PortShapes.Caches)
            {
                var answer = worker.Answer(new TorchRequest(cache, batch, Prompt: 20, New: 12));
                Assert.Equal((12, 11), (answer.Ids.Length, answer.Ms.Length));

                // Half floats are rounded otherwise in another order of summation.
                if (dtype == ScalarType.Float32)
                {
                    Assert.Equal(expected.Ids, answer.Ids);
                }
            }
        }
    }

    [Fact]
    public void ALongRunSpansContextsAndReadsMemoryTenTimes()
    {
        using var folder = new TemporaryFolder();
        FormulaCheckpoint.Write(folder.Path, s_config);
        using var model = GPTModel.from_pretrained(folder.Path);
        var answer = new PortWorker(model, CPU)
            .Answer(new TorchRequest(TorchRequest.Soak + "static", Batch: 1, Prompt: 16, New: 200));
        Assert.Equal(10, answer.Resident.Length);
        Assert.Equal(0, model.current_pos);
    }
}
