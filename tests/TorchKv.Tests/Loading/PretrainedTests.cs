using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Contracts;
using TorchKv.TestSupport;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Tests.Loading;

[Trait("speed", "fast")]
public class PretrainedTests
{
    public static TheoryData<string> Cases => [.. HuggingFaceCase.Names];

    [Theory]
    [MemberData(nameof(Cases))]
    public void ASavedModelIsTheCheckpointItWasLoadedFrom(string name)
    {
        using var folder = new TemporaryFolder();
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", name));
        model.save_pretrained(folder.Path);

        using var before = Checkpoint.Open(RepositoryFiles.Fixture("hf", name));
        using var after = Checkpoint.Open(folder.Path);
        Assert.Equal(before.Config, after.Config);
        Assert.Equal(before.Tensors.Select(tensor => tensor.Name), after.Tensors.Select(tensor => tensor.Name));
        foreach (var tensor in before.Tensors)
        {
            var (expected, actual) = (new float[tensor.ElementCount], new float[tensor.ElementCount]);
            tensor.CopyTo(expected);
            after[tensor.Name].CopyTo(actual);
            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public void AnArticleModelSavedWithZeroBiasesComputesTheSame()
    {
        using var scope = NewDisposeScope();
        using var no_gradients = no_grad();
        using var folder = new TemporaryFolder();
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "untied-head"));
        var cfg = model.cfg with { qkv_bias = false };
        using var unbiased = new GPTModel(cfg);
        unbiased.load_state_dict(model.state_dict(), strict: false);
        unbiased.eval();
        unbiased.save_pretrained(folder.Path, max_shard_bytes: 20_000);

        using var again = GPTModel.from_pretrained(folder.Path);
        var ids = tensor(new long[,] { { 1, 2, 3, 4 } });
        Assert.True(File.Exists(folder["model.safetensors.index.json"]));
        Close.To(unbiased.forward(ids), again.forward(ids), "logits", 1e-6, 1e-6);
    }

    [Theory]
    [InlineData("f16-file", ScalarType.Float16)]
    [InlineData("bf16-file", ScalarType.BFloat16)]
    [InlineData("gelu-new", ScalarType.BFloat16)]
    [InlineData("gelu-new", ScalarType.Float64)]
    public void WeightsTakeTheDtypeThatIsAskedFor(string name, ScalarType dtype)
    {
        using var folder = new TemporaryFolder();
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", name), dtype: dtype);
        Assert.All(model.parameters(), parameter => Assert.Equal(dtype, parameter.dtype));
        model.save_pretrained(folder.Path);
        using var saved = Checkpoint.Open(folder.Path);
        using var original = Checkpoint.Open(RepositoryFiles.Fixture("hf", name));
        var (expected, actual) = (new float[211 * 48], new float[211 * 48]);
        original["wte.weight"].CopyTo(expected);
        saved["wte.weight"].CopyTo(actual);
        Close.To(expected, actual, "wte", 0, dtype == ScalarType.BFloat16 ? 1.0 / 256 : 0);
    }

    [Fact]
    public void EachTensorIsSavedUnderItsOwnDtype()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "untied-head"));
        model.final_norm.to(ScalarType.Float64);
        model.trf_blocks[0].att.out_proj.to(ScalarType.BFloat16);
        model.trf_blocks[0].att.W_key.to(ScalarType.Float16);
        model.trf_blocks[1].ff.to(ScalarType.Float16);
        model.out_head.to(ScalarType.BFloat16);
        var scale = Close.Values(model.final_norm.scale);
        var query = Close.Values(model.trf_blocks[0].att.W_query.weight);
        model.save_pretrained(folder.Path);

        using var saved = Checkpoint.Open(folder.Path);
        Assert.Equal(TensorDType.Float32, saved["wte.weight"].DType);
        Assert.Equal(TensorDType.Float64, saved["ln_f.weight"].DType);
        Assert.Equal(TensorDType.BFloat16, saved["h.0.attn.c_proj.weight"].DType);
        Assert.Equal(TensorDType.BFloat16, saved["h.0.attn.c_proj.bias"].DType);
        Assert.Equal(TensorDType.Float32, saved["h.0.attn.c_attn.weight"].DType);
        Assert.Equal(TensorDType.Float16, saved["h.1.mlp.c_fc.weight"].DType);
        Assert.Equal(TensorDType.BFloat16, saved["lm_head.weight"].DType);

        // Each holds the model's own values, those of the joined projections too.
        using var again = GPTModel.from_pretrained(folder.Path);
        Assert.Equal(scale, Close.Values(again.final_norm.scale));
        Assert.Equal(query, Close.Values(again.trf_blocks[0].att.W_query.weight));
        foreach (var (name, parameter) in again.named_parameters())
        {
            Assert.Equal(Close.Values(model.get_parameter(name)!), Close.Values(parameter));
        }
    }

    [Fact]
    public void AReplacedHeadMovedAndSavedGivesTheSameLogits()
    {
        using var scope = NewDisposeScope();
        using var no_gradients = no_grad();
        using var folder = new TemporaryFolder();
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"));
        model.save_pretrained(folder.Path);
        using (var tied = SafetensorsFile.Open(folder["model.safetensors"]))
        {
            Assert.False(tied.TryGet("lm_head.weight", out _));
        }

        model.out_head.weight = new TorchSharp.Modules.Parameter(model.tok_emb.weight! * 0.5 + 0.25);
        model.to(ScalarType.Float64);
        model.to(ScalarType.Float32);
        model.save_pretrained(folder.Path);
        Assert.Contains("\"tie_word_embeddings\": true", File.ReadAllText(folder["config.json"]));
        using var again = GPTModel.from_pretrained(folder.Path);
        var ids = tensor(new long[,] { { 1, 2, 3, 4 } });
        Assert.Equal(Close.Values(model.forward(ids)), Close.Values(again.forward(ids)));
        Assert.NotEqual(Close.Values(model.tok_emb.weight!), Close.Values(again.out_head.weight));
    }

    [Fact]
    public void AModelWithoutLayerNormEpsilonRuns()
    {
        using var scope = NewDisposeScope();
        using var no_gradients = no_grad();
        using var folder = new TemporaryFolder().CopyOf(RepositoryFiles.Fixture("hf", "gelu-new"));
        var config = File.ReadAllText(folder["config.json"]);
        Assert.Contains("\"layer_norm_epsilon\": 1e-05", config);
        File.WriteAllText(folder["config.json"], config.Replace("\"layer_norm_epsilon\": 1e-05", "\"layer_norm_epsilon\": 0.0"));
        using var model = GPTModel.from_pretrained(folder.Path);
        using var usual = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"));
        var ids = tensor(new long[,] { { 1, 2, 3, 4 } });
        Close.To(usual.forward(ids), model.forward(ids), "logits", 1e-2, 1e-2);
        Assert.NotEqual(Close.Values(usual.forward(ids)), Close.Values(model.forward(ids)));
    }

    [Fact]
    public void ALoadedModelIsInEvaluationModeAndTied()
    {
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"));
        Assert.False(model.training);
        using (no_grad())
        {
            model.tok_emb.weight!.mul_(2);
        }

        Assert.Equal(Close.Values(model.tok_emb.weight!), Close.Values(model.out_head.weight));
    }

    [Fact]
    public void AMovedModelKeepsOneTensorForEmbeddingAndHead()
    {
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"));
        model.to(ScalarType.Float64);
        model.to(ScalarType.Float32);
        model.to(ScalarType.Float64);
        using (no_grad())
        {
            model.tok_emb.weight!.mul_(2);
        }

        Assert.Equal(Close.Values(model.tok_emb.weight!), Close.Values(model.out_head.weight));
    }

    [Fact]
    public void AMovedModelsEmbeddingCanBeUsedAndTrained()
    {
        using var scope = NewDisposeScope();
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"));
        model.to(ScalarType.Float64);
        model.to(ScalarType.Float32);
        model.forward(tensor(new long[,] { { 1, 2, 3 } })).sum().backward();
        Assert.True(model.tok_emb.weight!.grad is { } gradient && gradient.abs().max().item<float>() > 0);
    }

    [Fact]
    public void ADamagedCheckpointIsRefusedByName()
    {
        using var folder = new TemporaryFolder().CopyOf(RepositoryFiles.Fixture("hf", "gelu-new"));
        using (var file = File.OpenWrite(folder["model.safetensors"]))
        {
            file.SetLength(file.Length - 100);
        }

        var error = Assert.ThrowsAny<TorchKvException>(() => GPTModel.from_pretrained(folder.Path));
        Assert.Contains("model.safetensors", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cpu", DeviceType.CPU)]
    [InlineData("meta", DeviceType.META)]
    public void DevicesHavePyTorchsNames(string name, DeviceType type) => Assert.Equal(type, Devices.parse(name).type);

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:x")]
    [InlineData("")]
    public void AnUnknownDeviceIsNamed(string name)
    {
        var error = Assert.Throws<TorchKvException>(() => Devices.parse(name));
        Assert.Contains($"'{name}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AskingForAbsentCudaSaysWhatIsMissing()
    {
        if (cuda.is_available())
        {
            Assert.Equal(DeviceType.CUDA, Devices.parse("auto").type);
            Assert.Throws<DeviceNotAvailableException>(() => Devices.parse("cuda:999"));
            return;
        }

        Assert.Equal(DeviceType.CPU, Devices.parse("auto").type);
        var error = Assert.Throws<DeviceNotAvailableException>(() => Devices.parse("cuda:0"));
        Assert.Contains("NVIDIA", error.Message, StringComparison.Ordinal);
        Assert.Contains("TorchSharp-cuda-linux", error.Message, StringComparison.Ordinal);
        Assert.Throws<DeviceNotAvailableException>(() => GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"), Devices.parse("cuda")));
    }
}
