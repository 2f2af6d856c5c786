using TorchKv.Caching;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Runtime;
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
    // float32 on CUDA may go through TF32 units in the products; recordings are compared with what that leaves
    private const double Tolerance = 1e-3;

    private readonly Device device = CudaDevice.Device;
    private readonly IDisposable scope = NewDisposeScope();
    private readonly IDisposable mode = inference_mode();

    public static TheoryData<string> Cases => [.. Golden.HuggingFaceCases];

    public static TheoryData<string> Kinds => CacheKinds.Names;

    public void Dispose()
    {
        mode.Dispose();
        scope.Dispose();
        GC.SuppressFinalize(this);
    }

    [CudaTheory]
    [MemberData(nameof(Cases))]
    public void LogitsThroughEveryCacheAreHuggingFaces(string name)
    {
        using var golden = Golden.HuggingFace(name);
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", name), device);
        var ids = golden.Ids("batch_ids").to(device);
        Close.To(golden["full.logits"], model.forward(ids), "full.logits", Tolerance, Tolerance);
        foreach (var kind in Enum.GetValues<KvCacheKind>())
        {
            model.set_kv_cache(kind);
            var pieces = new List<Tensor>();
            foreach (var chunk in golden.Json.GetProperty("chunked.chunks").EnumerateArray())
            {
                pieces.Add(model.forward(ids.narrow(1, model.current_pos, chunk.GetInt64()), use_cache: true));
            }

            Close.To(golden["chunked.logits"], cat(pieces, dim: 1), $"{kind} chunked.logits", Tolerance, Tolerance);
            Assert.All(model.named_buffers(), buffer => Assert.Equal(DeviceType.CUDA, buffer.buffer.device_type));
        }
    }

    [CudaTheory]
    [MemberData(nameof(Cases))]
    public void LeftPaddedRowsAreHuggingFaces(string name)
    {
        using var golden = Golden.HuggingFace(name);
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", name), device);
        var logits = model.forward(golden.Ids("leftpad_ids").to(device), use_cache: true, attention_mask: golden.Ids("leftpad_mask").to(device));
        Close.To(golden["leftpad.logits"][0], logits[0], "row 0", Tolerance, Tolerance);
        Close.To(golden["leftpad.logits"][1].narrow(0, 7, 9), logits[1].narrow(0, 7, 9), "row 1 after its padding", Tolerance, Tolerance);
    }

    [CudaTheory]
    [MemberData(nameof(Cases))]
    public void TheRunnersLogitsAreHuggingFaces(string name)
    {
        using var golden = Golden.HuggingFace(name);
        using var runner = TorchRunner.Load(RepositoryFiles.Fixture("hf", name), blockCount: 8, device);
        var rows = Golden.Rows(golden.Json.GetProperty("batch_ids")).Select(row => row.Select(id => (int)id).ToArray()).ToArray();
        var logits = new float[2 * 16 * runner.Config.VocabSize];
        runner.Step([new(rows[0], 0, new[] { 5 }, LogitsWanted.All), new(rows[1], 0, new[] { 2 }, LogitsWanted.All)], logits);
        Close.To(Close.Values(golden["full.logits"]), logits, "full.logits", Tolerance, Tolerance);
    }

    [CudaTheory]
    [MemberData(nameof(Kinds))]
    public void CachesKeepWhatTheyAreGiven(string kind)
    {
        using var cache = CacheKinds.All[kind]();
        var oracle = new CacheOracle(seed: 6, cache, device);
        oracle.Update(17);
        oracle.Repeat(2);
        oracle.Update(1);
        oracle.Crop(oracle.Length - 1);
        oracle.Update(2);
        oracle.Reset();
        oracle.Update(5);
    }

    [CudaTheory]
    [MemberData(nameof(Kinds))]
    public void AModelMovesWithItsCacheToTheCpuAndBack(string kind)
    {
        using var golden = Golden.HuggingFace("gelu-new");
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"), device);
        var ids = golden.Ids("batch_ids");
        var expected = model.forward(ids.to(device)).cpu();
        model.set_kv_cache(CacheKinds.All[kind]);
        model.forward(ids.narrow(1, 0, 6).to(device), use_cache: true);
        model.to(CPU);
        var on_cpu = model.forward(ids.narrow(1, 6, 2), use_cache: true);
        model.to(device);
        var back = model.forward(ids.narrow(1, 8, 2).to(device), use_cache: true);
        Assert.Equal(10, model.current_pos);
        if (model.kv_cache.window is null or >= 10)
        {
            Close.To(expected.narrow(1, 6, 2), on_cpu, "on the CPU", Tolerance, Tolerance);
            Close.To(expected.narrow(1, 8, 2), back, "back on CUDA", Tolerance, Tolerance);
        }
    }

    [CudaTheory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    public void SixteenBitLogitsStayNearFloat32(ScalarType dtype)
    {
        using var golden = Golden.HuggingFace("gelu-new");
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"), device, dtype);
        var logits = model.forward(golden.Ids("leftpad_ids").to(device), use_cache: true, attention_mask: golden.Ids("leftpad_mask").to(device));
        Assert.True(logits.to(ScalarType.Float32).isfinite().all().item<bool>());
        Close.To(golden["leftpad.logits"][0], logits[0], $"{dtype}", 0.5, 0.05);
    }
}
