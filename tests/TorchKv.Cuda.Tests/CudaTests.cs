using TorchKv.Caching;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Running;
using TorchKv.Runtime.Model;
using TorchKv.Tests;
using TorchKv.Tests.Caching;
using TorchKv.TestSupport;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Cuda.Tests;

/// <summary>
/// What the CPU's tests check, on CUDA. Where there is no CUDA device, <see cref="CudaDeviceTests"/> alone is left, and
/// is skipped.
/// </summary>
public class CudaTests : IDisposable
{
    private const double Tolerance = CudaDevice.Tolerance;

    private readonly Device _device = CudaDevice.Device;
    private readonly IDisposable _scope = NewDisposeScope();
    private readonly IDisposable _mode = inference_mode();

    public static TheoryData<string> Cases => [.. HuggingFaceCase.Names];

    public static TheoryData<string> Kinds => CacheKinds.Names;

    public void Dispose()
    {
        _mode.Dispose();
        _scope.Dispose();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LogitsThroughEveryCacheAreHuggingFaces(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", name), _device);
        var ids = golden.IdTensor("batch_ids").to(_device);
        Close.To(golden.Tensor("full.logits"), model.forward(ids), "full.logits", Tolerance, Tolerance);
        foreach (var kind in Enum.GetValues<KvCacheKind>())
        {
            model.set_kv_cache(kind);
            var pieces = new List<Tensor>();
            foreach (var chunk in golden.Golden.GetProperty("chunked.chunks").EnumerateArray())
            {
                pieces.Add(model.forward(ids.narrow(1, model.current_pos, chunk.GetInt64()), use_cache: true));
            }

            Close.To(golden.Tensor("chunked.logits"), cat(pieces, dim: 1), $"{kind} chunked.logits", Tolerance, Tolerance);
            Assert.All(model.named_buffers(), buffer => Assert.Equal(DeviceType.CUDA, buffer.buffer.device_type));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LeftPaddedRowsAreHuggingFaces(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", name), _device);
        var logits = model.forward(golden.IdTensor("leftpad_ids").to(_device), use_cache: true, attention_mask: golden.IdTensor("leftpad_mask").to(_device));
        Close.To(golden.Tensor("leftpad.logits")[0], logits[0], "row 0", Tolerance, Tolerance);
        Close.To(golden.Tensor("leftpad.logits")[1].narrow(0, 7, 9), logits[1].narrow(0, 7, 9), "row 1 after its padding", Tolerance, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheRunnersLogitsAreHuggingFaces(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        using var runner = TorchRunner.Load(RepositoryFiles.Fixture("hf", name), new TorchRunnerOptions { BlockCount = 8, Device = _device });
        var rows = golden.Ids("batch_ids");
        var logits = new float[2 * 16 * runner.Config.VocabSize];
        runner.Step([new(rows[0], 0, new[] { 5 }, LogitsWanted.All), new(rows[1], 0, new[] { 2 }, LogitsWanted.All)], logits);
        Close.To(golden.Tensors["full.logits"].Values, logits, "full.logits", Tolerance, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void CachesKeepWhatTheyAreGiven(string kind)
    {
        using var cache = CacheKinds.All[kind]();
        var oracle = new CacheOracle(seed: 6, cache, _device);
        oracle.Update(17);
        oracle.Repeat(2);
        oracle.Update(1);
        oracle.Crop(oracle.Length - 1);
        oracle.Update(2);
        oracle.Reset();
        oracle.Update(5);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AModelMovesToTheCpuAndBackWithCache(string kind)
    {
        var golden = HuggingFaceCase.Load("gelu-new");
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"), _device);
        var ids = golden.IdTensor("batch_ids");
        var expected = model.forward(ids.to(_device)).cpu();
        model.set_kv_cache(CacheKinds.All[kind]);
        model.forward(ids.narrow(1, 0, 6).to(_device), use_cache: true);
        model.to(CPU);
        var on_cpu = model.forward(ids.narrow(1, 6, 2), use_cache: true);
        model.to(_device);
        var back = model.forward(ids.narrow(1, 8, 2).to(_device), use_cache: true);
        Assert.Equal(10, model.current_pos);
        if (model.kv_cache.window is null or >= 10)
        {
            Close.To(expected.narrow(1, 6, 2), on_cpu, "on the CPU", Tolerance, Tolerance);
            Close.To(expected.narrow(1, 8, 2), back, "back on CUDA", Tolerance, Tolerance);
        }
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    public void SixteenBitLogitsStayNearFloat32(ScalarType dtype)
    {
        var golden = HuggingFaceCase.Load("gelu-new");
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"), _device, dtype);
        var (ids, mask) = (golden.IdTensor("leftpad_ids").to(_device), golden.IdTensor("leftpad_mask").to(_device));
        var logits = model.forward(ids, use_cache: true, attention_mask: mask);
        Assert.True(logits.to(ScalarType.Float32).isfinite().all().item<bool>());
        Close.To(golden.Tensor("leftpad.logits")[0], logits[0], $"{dtype}", 0.5, 0.05);
    }
}
