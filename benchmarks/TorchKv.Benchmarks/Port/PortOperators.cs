using BenchmarkDotNet.Attributes;
using TorchKv.Caching;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using GELU = TorchKv.Models.GELU;
using LayerNorm = TorchKv.Models.LayerNorm;

namespace TorchKv.Benchmarks.Port;

/// <summary>What a decode step of GPT-2 124M is made of, one operation at a time: <c>./run.sh bench port --operators</c>.</summary>
/// <remarks>In this process: the program that BenchmarkDotNet would build for each job does not find the native library.</remarks>
[InProcess]
[WarmupCount(3)]
[IterationTime(100)]
[IterationCount(8)]
[MemoryDiagnoser]
public class PortOperators
{
    private const int Width = 768, Heads = 12, HeadDim = 64, Vocabulary = 50257;

    private DisposeScope scope = null!;
    private IDisposable noGradients = null!;
    private Linear up = null!, head = null!;
    private LayerNorm norm = null!;
    private GELU gelu = null!;
    private Tensor x = null!, inner = null!, query = null!, keys = null!, values = null!, scores = null!, newKeys = null!;

    /// <summary>Rows of the batch.</summary>
    [Params(1, 8)]
    public int Batch { get; set; }

    /// <summary>Tokens in the cache.</summary>
    [Params(512)]
    public int Tokens { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        set_num_threads(1);
        scope = NewDisposeScope();
        noGradients = inference_mode();
        random.manual_seed(1);
        up = nn.Linear(Width, 4 * Width);
        head = nn.Linear(Width, Vocabulary, hasBias: false);
        norm = new LayerNorm(Width);
        gelu = new GELU();
        x = randn(Batch, 1, Width);
        inner = randn(Batch, 1, 4 * Width);
        query = randn(Batch, Heads, 1, HeadDim);
        keys = randn(Batch, Heads, Tokens, HeadDim);
        values = randn(Batch, Heads, Tokens, HeadDim);
        scores = randn(Batch, Heads, 1, Tokens);
        newKeys = randn(Batch, Heads, 1, HeadDim);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        noGradients.Dispose();
        scope.Dispose();
    }

    [Benchmark(Description = "linear 768 -> 3072")]
    public void Linear() => up.call(x).Dispose();

    [Benchmark(Description = "output head 768 -> 50257")]
    public void Head() => head.call(x).Dispose();

    [Benchmark(Description = "layer norm")]
    public void Norm() => norm.call(x).Dispose();

    [Benchmark(Description = "gelu of 3072")]
    public void Gelu() => gelu.call(inner).Dispose();

    [Benchmark(Description = "scores q k^T")]
    public void Scores()
    {
        using var transposed = keys.transpose(2, 3);
        matmul(query, transposed).Dispose();
    }

    [Benchmark(Description = "softmax")]
    public void Softmax() => softmax(scores, -1).Dispose();

    [Benchmark(Description = "weights x values")]
    public void Context() => matmul(scores, values).Dispose();

    [Benchmark(Description = "cache by torch.cat")]
    public void Cat() => cat([keys, newKeys], 2).Dispose();

    [Benchmark(Description = "cache in place")]
    public void InPlace()
    {
        using var slot = keys.narrow(2, Tokens - 1, 1);
        slot.copy_(newKeys);
    }

    [Benchmark(Description = "a view: what a call itself costs")]
    public void View() => x.view(Batch, Width).Dispose();
}
