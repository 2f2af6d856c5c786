using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Checkpoints;

/// <summary>Tensors that HuggingFace's <c>GPT2LMHeadModel</c> does not have: it skips them with one warning.</summary>
[Trait("speed", "fast")]
public class IgnoredTensorsTests
{
    private static readonly Gpt2Config Tiny =
        new() { VocabSize = 11, ContextLength = 8, EmbeddingSize = 4, LayerCount = 2, HeadCount = 2 };

    [Fact]
    public void AValueHeadIsSkippedWithANamedWarning()
    {
        using var checkpoint = Checkpoint.Open(RepositoryFiles.Fixture("reports", "c-vhead"));
        var warning = Assert.Single(checkpoint.Warnings);
        Assert.Contains("v_head.summary.weight, v_head.summary.bias", warning);
        Assert.Contains("c-vhead", warning);
        Assert.Equal(
            Gpt2Tensors.Parameters(checkpoint.Config).Select(parameter => parameter.Name),
            checkpoint.Tensors.Select(tensor => tensor.Name));
    }

    [Theory]
    [InlineData("score.weight")]
    [InlineData("v_head.summary.weight")]
    [InlineData("multiple_choice_head.summary.weight")]
    [InlineData("classifier.bias")]
    [InlineData("qa_outputs.weight")]
    [InlineData("transformer.h.0.crossattention.c_attn.weight")]
    [InlineData("h.1.crossattention.bias")]
    [InlineData("transformer.h.1.ln_cross_attn.weight")]
    [InlineData("h.0.ln_cross_attn.bias")]
    [InlineData("extra")]
    public void ATensorOfAnotherHeadOrCrossAttentionIsSkipped(string name)
    {
        using var folder = Folder(name);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Contains(name, Assert.Single(checkpoint.Warnings));
        Assert.False(checkpoint.TryGet(name, out _));
    }

    [Fact]
    public void SkippedTensorsOfAllShardsMakeOneWarning()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["config.json"], Tiny.ToJson());
        var tensors = FormulaCheckpoint.Tensors(Tiny).ToList();
        SafetensorsWriter.Write(folder["a.safetensors"], [.. tensors[..5], Zeros("score.weight")]);
        SafetensorsWriter.Write(folder["b.safetensors"], [.. tensors[5..], Zeros("v_head.bias")]);
        string[] first = [.. tensors[..5].Select(tensor => tensor.Name), "score.weight"];
        string[] second = [.. tensors[5..].Select(tensor => tensor.Name), "v_head.bias", "v_head.weight"];
        var map = first.Select(name => $"\"{name}\":\"a.safetensors\"")
            .Concat(second.Select(name => $"\"{name}\":\"b.safetensors\""));
        File.WriteAllText(folder["model.safetensors.index.json"], "{\"weight_map\":{" + string.Join(',', map) + "}}");

        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Contains("score.weight, v_head.bias", Assert.Single(checkpoint.Warnings));
    }

    [Fact]
    public void AWarningNamesAtMostAHundredTensors()
    {
        using var folder = Folder([.. Enumerable.Range(0, 150).Select(i => $"score.{i}")]);
        using var checkpoint = Checkpoint.Open(folder.Path);
        var warning = Assert.Single(checkpoint.Warnings);
        Assert.Contains("150 tensors", warning);
        Assert.Contains("and 50 more", warning);
    }

    [Fact]
    public void AnOrdinaryCheckpointHasNoWarning()
    {
        using var checkpoint = Checkpoint.Open(RepositoryFiles.Fixture("hf", "bare-names"));
        Assert.Empty(checkpoint.Warnings);
    }

    [Fact]
    public void AParameterInAWrapperKeepsTheFilesName()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["config.json"], Tiny.ToJson());
        var wrapped = FormulaCheckpoint.Tensors(Tiny).Select(tensor =>
            new TensorSource("module." + tensor.Name, tensor.DType, tensor.Shape, tensor.Read));
        SafetensorsWriter.Write(folder["model.safetensors"], wrapped);
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path));
        Assert.Equal("transformer.wte.weight", error.Tensor);
        Assert.Contains("module.transformer.wte.weight", error.Reason);
    }

    private static TensorSource Zeros(string name) =>
        new(name, TensorDType.Int8, [1], (destination, _) => destination.Clear());

    private static TemporaryFolder Folder(params string[] extra)
    {
        var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["config.json"], Tiny.ToJson());
        SafetensorsWriter.Write(
            folder["model.safetensors"], [.. FormulaCheckpoint.Tensors(Tiny), .. extra.Select(Zeros)]);
        return folder;
    }
}
