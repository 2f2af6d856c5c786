using System.Text.Json.Nodes;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Checkpoints;

/// <summary>Folders whose files are each valid and together are not the model that config.json describes.</summary>
[Trait("speed", "fast")]
public class HostileCheckpointTests
{
    private static readonly Gpt2Config Tiny = new() { VocabSize = 11, ContextLength = 8, EmbeddingSize = 4, LayerCount = 2, HeadCount = 2, BosTokenId = 10, EosTokenIds = [10] };

    [Fact]
    public void AMissingTensorIsNamed() =>
        Refused(tensors => tensors.RemoveAll(tensor => tensor.Name == "transformer.h.1.mlp.c_fc.bias"), "transformer.h.1.mlp.c_fc.bias", "missing");

    [Fact]
    public void AnUnexpectedTensorIsNamed() =>
        Refused(tensors => tensors.Add(Zeros("transformer.h.2.ln_1.bias", 4)), "transformer.h.2.ln_1.bias", "no parameter");

    [Theory]
    [InlineData("transformer.h.x.attn.bias")]
    [InlineData("transformer.h..attn.bias")]
    [InlineData("transformer.h.0")]
    [InlineData("transformer.h.0.attn.bias.more")]
    public void AnotherModelsTensorIsNotMistakenForAMaskBuffer(string name) =>
        Refused(tensors => tensors.Add(Zeros(name, 1)), name, "no parameter");

    [Theory]
    [InlineData("transformer.h.0.attn.c_attn.lora_A.weight")]
    [InlineData("transformer.extra.weight")]
    [InlineData("transformer.h.x.crossattention.c_attn.weight")]
    [InlineData("h.0.mlp.extra.weight")]
    [InlineData("lm_head.bias")]
    [InlineData("ln_f")]
    public void AnUnknownTensorOfTransformerOrHeadIsRefused(string name) =>
        Refused(tensors => tensors.Add(Zeros(name, 1)), name, "no parameter");

    [Fact]
    public void AWrongShapeIsNamedWithTheRightOne() =>
        Refused(tensors => Replace(tensors, Zeros("transformer.h.0.attn.c_attn.weight", 12, 4)), "transformer.h.0.attn.c_attn.weight", "[12, 4], but config.json asks for [4, 12]");

    [Fact]
    public void AWrongDTypeIsNamed() =>
        Refused(
            tensors => Replace(tensors, new TensorSource("transformer.ln_f.bias", TensorDType.Int64, [4], (destination, _) => destination.Clear())),
            "transformer.ln_f.bias",
            "I64");

    [Fact]
    public void ATensorUnderBothNamesIsRefused() =>
        Refused(tensors => tensors.Add(Zeros("ln_f.bias", 4)), null, "twice");

    [Fact]
    public void AnUntiedHeadMustBeThere() =>
        Refused(_ => { }, "lm_head.weight", "missing", Tiny with { TieWordEmbeddings = false });

    [Fact]
    public void AConfigurationOfOtherSizesIsRefusedNamingATensor() =>
        Refused(_ => { }, "transformer.wte.weight", "[11, 4], but config.json asks for [12, 4]", Tiny with { VocabSize = 12 });

    [Fact]
    public void AVastConfigurationCostsNothing()
    {
        using var folder = Folder(_ => { }, Tiny with { LayerCount = 4000, VocabSize = 1 << 24, EmbeddingSize = 2048 });
        _ = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path));
        var before = GC.GetAllocatedBytesForCurrentThread();

        _ = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 128 * 1024);
    }

    [Fact]
    public void AHeadThatDiffersFromTheEmbeddingIsNotTied()
    {
        using var folder = Folder(tensors => tensors.Add(FormulaHead("other")), Tiny);
        using var checkpoint = Checkpoint.Open(folder.Path);

        Assert.False(checkpoint.Config.TieWordEmbeddings);
        Assert.NotEqual(CheckpointTests.Values(checkpoint["wte.weight"]), CheckpointTests.Values(checkpoint["lm_head.weight"]));
    }

    [Fact]
    public void AHeadThatRepeatsTheEmbeddingIsTied()
    {
        using var folder = Folder(tensors => tensors.Add(FormulaHead("transformer.wte.weight")), Tiny);
        using var checkpoint = Checkpoint.Open(folder.Path);

        Assert.True(checkpoint.Config.TieWordEmbeddings);
        Assert.Same(checkpoint["wte.weight"], checkpoint["lm_head.weight"]);
    }

    [Fact]
    public void AHeadAloneIsTheEmbedding()
    {
        using var folder = Folder(
            tensors =>
            {
                tensors.RemoveAll(tensor => tensor.Name == "transformer.wte.weight");
                tensors.Add(FormulaHead("transformer.wte.weight"));
            },
            Tiny);
        using var checkpoint = Checkpoint.Open(folder.Path);

        Assert.Equal("lm_head.weight", checkpoint["wte.weight"].FileName);
        Assert.True(checkpoint.Config.TieWordEmbeddings);
    }

    [Theory]
    [InlineData("../model.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("..")]
    [InlineData("sub/model.safetensors")]
    [InlineData("sub\\\\model.safetensors")]
    [InlineData("C:model.safetensors")]
    [InlineData("")]
    public void AnIndexThatPointsOutOfItsFolderIsRefused(string shard)
    {
        using var folder = new TemporaryFolder().CopyOf(RepositoryFiles.Fixture("hf", "sharded"));
        var index = folder["model.safetensors.index.json"];
        File.WriteAllText(index, File.ReadAllText(index).Replace("\"model-00010-of-00010.safetensors\"", $"\"{shard}\""));

        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path));

        Assert.Equal(index, error.File);
        Assert.Contains("plain name", error.Reason);
    }

    [Fact]
    public void AMissingShardIsNamed()
    {
        using var folder = new TemporaryFolder().CopyOf(RepositoryFiles.Fixture("hf", "sharded"));
        File.Delete(folder["model-00004-of-00010.safetensors"]);

        Assert.Equal(folder["model-00004-of-00010.safetensors"], Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path)).File);
    }

    [Fact]
    public void ATensorInTwoShardsIsRefused()
    {
        using var folder = new TemporaryFolder().CopyOf(RepositoryFiles.Fixture("hf", "sharded"));
        using (var second = SafetensorsFile.Open(folder["model-00002-of-00010.safetensors"]))
        using (var first = SafetensorsFile.Open(folder["model-00001-of-00010.safetensors"]))
        {
            SafetensorsWriter.Write(
                folder["model-00001-of-00010.safetensors"],
                [.. first.Tensors.Select(tensor => new TensorSource(tensor)), new TensorSource(second.Tensors[0])]);
        }

        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path));

        Assert.Equal(folder["model-00001-of-00010.safetensors"], error.File);
        Assert.Contains("in this file too", error.Reason);
    }

    [Fact]
    public void ATensorThatItsShardDoesNotHoldIsNamed()
    {
        using var folder = new TemporaryFolder().CopyOf(RepositoryFiles.Fixture("hf", "sharded"));
        EditIndex(folder, map => map["transformer.extra"] = "model-00001-of-00010.safetensors");

        Assert.Equal("transformer.extra", Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path)).Tensor);
    }

    [Fact]
    public void ATensorThatTheIndexDoesNotKnowIsNamed()
    {
        using var folder = new TemporaryFolder().CopyOf(RepositoryFiles.Fixture("hf", "sharded"));
        EditIndex(folder, map => map.Remove("transformer.h.0.ln_1.bias"));

        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path));

        Assert.Equal("transformer.h.0.ln_1.bias", error.Tensor);
        Assert.Contains("not in model.safetensors.index.json", error.Reason);
    }

    [Theory]
    [InlineData("", "JSON")]
    [InlineData("[]", "object")]
    [InlineData("{}", "weight_map")]
    [InlineData("""{"weight_map":[]}""", "weight_map")]
    [InlineData("""{"weight_map":{"a":1}}""", "plain name")]
    [InlineData("""{"weight_map":{"a":"x","a":"x"}}""", "twice")]
    [InlineData("""{"weight_map":{"a":"x"}}}""", "JSON")]
    [InlineData("""{"metadata":[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]],"weight_map":{}}""", "JSON")]
    public void AnIndexThatIsNoIndexIsRefused(string text, string words)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["config.json"], Tiny.ToJson());
        File.WriteAllText(folder["model.safetensors.index.json"], text);

        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path));

        Assert.Equal(folder["model.safetensors.index.json"], error.File);
        Assert.Contains(words, error.Reason);
    }

    [Fact]
    public void AnIndexWithoutShardsIsRefused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["config.json"], Tiny.ToJson());
        File.WriteAllText(folder["model.safetensors.index.json"], """{"weight_map":{}}""");

        Assert.Equal(folder["model.safetensors.index.json"], Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path)).File);
    }

    [Fact]
    public void AFolderWithoutWeightsSaysWhatItLooksFor()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["config.json"], Tiny.ToJson());
        Assert.Contains("index.json", Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path)).Message);

        File.WriteAllText(folder["pytorch_model.bin"], "");
        Assert.Contains("safe_serialization", Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path)).Message);
    }

    private static void EditIndex(TemporaryFolder folder, Action<JsonObject> edit)
    {
        var path = folder["model.safetensors.index.json"];
        var json = JsonNode.Parse(File.ReadAllText(path))!;
        edit(json["weight_map"]!.AsObject());
        File.WriteAllText(path, json.ToJsonString());
    }

    private static TensorSource Zeros(string name, params long[] shape) =>
        new(name, TensorDType.Float32, [.. shape], (destination, _) => destination.Clear());

    private static TensorSource FormulaHead(string formulaName)
    {
        var values = new float[44];
        FormulaCheckpoint.Fill(formulaName, 0, values);
        return TensorSource.FromSingles("lm_head.weight", [11, 4], values);
    }

    private static void Replace(List<TensorSource> tensors, TensorSource by)
    {
        Assert.Equal(1, tensors.RemoveAll(tensor => tensor.Name == by.Name));
        tensors.Add(by);
    }

    private static TemporaryFolder Folder(Action<List<TensorSource>> change, Gpt2Config config)
    {
        var folder = new TemporaryFolder();
        var tensors = FormulaCheckpoint.Tensors(Tiny).ToList();
        change(tensors);
        File.WriteAllBytes(folder["config.json"], config.ToJson());
        SafetensorsWriter.Write(folder["model.safetensors"], tensors);
        return folder;
    }

    private static void Refused(Action<List<TensorSource>> change, string? tensor, string words, Gpt2Config? config = null)
    {
        using var folder = Folder(change, config ?? Tiny);

        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path));

        Assert.Equal(folder["model.safetensors"], error.File);
        Assert.Contains(words, error.Reason);
        if (tensor is not null)
        {
            Assert.Equal(tensor, error.Tensor);
        }
    }
}
