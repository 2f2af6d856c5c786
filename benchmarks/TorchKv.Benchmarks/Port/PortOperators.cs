using BenchmarkDotNet.Attributes;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using GELU = TorchKv.Models.GELU;
using LayerNorm = TorchKv.Models.LayerNorm;

namespace TorchKv.Benchmarks.Port;

/// <summary>
/// What a decode step of GPT-2 124M is made of, one operation at a time: <c>./run.sh bench port --operators</c>.
/// </summary>
/// <remarks>
/// In this process: the program that BenchmarkDotNet would build for each job does not find the native library.
/// </remarks>
[InProcess]
[WarmupCount(3)]
[IterationTime(100)]
[IterationCount(8)]
[MemoryDiagnoser]
public class PortOperators
{
    private const int Width = 768, Heads = 12, HeadDim = 64, Vocabulary = 50257;

    private DisposeScope _scope = null!;
    private IDisposable _noGradients = null!;
    private Linear _up = null!, _head = null!;
    private LayerNorm _norm = null!;
    private GELU _gelu = null!;
    private Tensor _x =
        null!, _inner = null!, _query = null!, _keys = null!, _values = null!, _scores = null!, _newKeys = null!;

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
        _scope = NewDisposeScope();
        _noGradients = inference_mode();
        random.manual_seed(1);
        _up = nn.Linear(Width, 4 * Width);
        _head = nn.Linear(Width, Vocabulary, hasBias: false);
        _norm = new LayerNorm(Width);
        _gelu = new GELU();
        _x = randn(Batch, 1, Width);
        _inner = randn(Batch, 1, 4 * Width);
        _query = randn(Batch, Heads, 1, HeadDim);
        _keys = randn(Batch, Heads, Tokens, HeadDim);
        _values = randn(Batch, Heads, Tokens, HeadDim);
        _scores = randn(Batch, Heads, 1, Tokens);
        _newKeys = randn(Batch, Heads, 1, HeadDim);
    }

    [GlobalCleanup]
    public void CleanUp()
    {
        _noGradients.Dispose();
        _scope.Dispose();
    }

    [Benchmark(Description = "linear 768 -> 3072")]
    public void Linear() => _up.call(_x).Dispose();

    [Benchmark(Description = "output head 768 -> 50257")]
    public void Head() => _head.call(_x).Dispose();

    [Benchmark(Description = "layer norm")]
    public void Norm() => _norm.call(_x).Dispose();

    [Benchmark(Description = "gelu of 3072")]
    public void Gelu() => _gelu.call(_inner).Dispose();

    [Benchmark(Description = "scores q k^T")]
    public void Scores()
    {
        using var transposed = _keys.transpose(2, 3);
        matmul(_query, transposed).Dispose();
    }

    [Benchmark(Description = "softmax")]
    public void Softmax() => softmax(_scores, -1).Dispose();

    [Benchmark(Description = "weights x values")]
    public void Context() => matmul(_scores, _values).Dispose();

    [Benchmark(Description = "cache by torch.cat")]
    public void Cat() => cat([_keys, _newKeys], 2).Dispose();

    [Benchmark(Description = "cache in place")]
    public void InPlace()
    {
        using var slot = _keys.narrow(2, Tokens - 1, 1);
        slot.copy_(_newKeys);
    }

    [Benchmark(Description = "a view: what a call itself costs")]
    public void View() => _x.view(Batch, Width).Dispose();
}
