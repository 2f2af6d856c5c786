using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Port;
using TorchKv.Models;
using TorchKv.Tests.Models;
using static TorchSharp.torch;

namespace TorchKv.Benchmarks.Tests;

public class PortShapesTests
{
    private static readonly GPTConfig s_gpt2 = new()
    {
        vocab_size = 50257,
        context_length = 1024,
        emb_dim = 768,
        n_heads = 12,
        n_layers = 12,
        qkv_bias = true,
        tie_word_embeddings = true,
    };

    public static TheoryData<string, string> DTypesAndCaches =>
        [.. PortShapes.DTypes.SelectMany(dtype => PortShapes.Caches.Select(cache => (dtype, cache)))];

    [Fact]
    public void AGpuIsMeasuredWithEachCacheBatchDType()
    {
        var shapes = PortShapes.Of("cuda");
        Assert.Equal(12, shapes.Distinct().Count());
        Assert.Equal(["concat", "none", "paged", "static"], shapes.Select(shape => shape.Cache).Distinct().Order());
        Assert.Equal([1, 8, 32], shapes.Select(shape => shape.Batch).Distinct().Order());
        Assert.All(shapes, shape => Assert.Equal(512, shape.Prompt));
        Assert.All(shapes, shape => Assert.True(shape.Prompt + shape.New <= s_gpt2.context_length));
        Assert.Equal(["float32", "bfloat16", "float16"], PortShapes.StandardDTypes("cuda:1"));
        Assert.Equal(["float32"], PortShapes.StandardDTypes("cpu"));
    }

    // What the command line gives where an option is left out.
    [Theory]
    [InlineData("cpu", 8)]
    [InlineData("cuda", 12)]
    public void AnEmptyChoiceMeansAllShapes(string device, int shapes) =>
        Assert.Equal(shapes, PortShapes.Of(device, caches: [], batches: []).Distinct().Count());

    // The code that a GPU runs, on the device without data: what fails on shapes, dtypes or devices fails here.
    [Theory]
    [MemberData(nameof(DTypesAndCaches))]
    public void EveryShapeOfAGpuRunsOnTheMetaDevice(string dtype, string cache)
    {
        using var scope = NewDisposeScope();
        using var model = MetaModel.Make(s_gpt2, Enum.Parse<ScalarType>(dtype, ignoreCase: true));
        model.eval();
        var worker = new PortWorker(model, META);
        foreach (var shape in PortShapes.Of("cuda", caches: [cache]))
        {
            var answer = worker.Answer(new TorchRequest(shape.Cache, shape.Batch, shape.Prompt, New: 3));
            Assert.Equal([0, 0, 0], answer.Ids);
            Assert.Equal(2, answer.Ms.Length);
        }
    }

    [Theory]
    [InlineData("meta", ScalarType.Float32)]
    [InlineData("cpu", ScalarType.Float32)]
    [InlineData("cpu", ScalarType.BFloat16)]
    [InlineData("cpu", ScalarType.Float16)]
    public void TheDevicesLimitsAreMeasured(string name, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var device = name == "cpu" ? CPU : META;
        var cfg = s_gpt2 with { n_layers = 1, vocab_size = 10, context_length = 10 };
        using var model = new GPTModel(cfg, device, dtype);
        var answer = new PortWorker(model, device).Answer(new TorchRequest(TorchRequest.Limits, 0, 0, 0));
        Assert.True(answer.BytesPerSecond > 0 && answer.OperationsPerSecond > 0);
    }
}
