using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Checkpoints;

/// <summary>What the format's own reader accepts, and what a user is told of files that are something else.</summary>
[Trait("speed", "fast")]
public class CheckpointFormatTests
{
    private static readonly Gpt2Config Tiny =
        new() { VocabSize = 11, ContextLength = 8, EmbeddingSize = 4, LayerCount = 1, HeadCount = 2 };

    [Fact]
    public void MetadataThatIsNullIsNone()
    {
        using var checkpoint = Checkpoint.Open(RepositoryFiles.Fixture("reports", "c-metanull"));
        Assert.Empty(Assert.Single(checkpoint.Files).Metadata);
        Assert.Equal([267, 8], checkpoint["wte.weight"].Shape);
    }

    [Fact]
    public void UnknownFieldsOfATensorAreIgnored()
    {
        using var folder = new TemporaryFolder();
        var nested = new string('[', 100) + new string(']', 100);
        const string header =
            """{"a":{"more":NESTED,"dtype":"F32","more":{"b":[1,null]},"shape":[2],"data_offsets":[0,8],"end":"x"}}""";
        SafetensorsBytes.Write(folder["x"], header.Replace("NESTED", nested), new byte[8]);
        using var file = SafetensorsFile.Open(folder["x"]);
        Assert.Equal("a F32 [2]", Assert.Single(file.Tensors).ToString());
    }

    [Fact]
    public void AGitLfsPointerIsNamedWithWhatToDo()
    {
        var folder = RepositoryFiles.Fixture("reports", "c-lfs");
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder));
        Assert.Equal(Path.Combine(folder, "model.safetensors"), error.File);
        Assert.Contains("Git LFS pointer", error.Reason);
        Assert.Contains("git lfs pull", error.Reason);
    }

    [Fact]
    public void AGitLfsPointerInAnyFilesPlaceIsNamed()
    {
        const string Pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:248dfc39\nsize 548105171\n";
        using var folder = new TemporaryFolder().CopyOf(RepositoryFiles.Fixture("hf", "sharded"));
        const string shard = "model-00004-of-00010.safetensors";
        File.WriteAllText(folder[shard], Pointer);
        Told(shard, Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path)));
        File.WriteAllText(folder["model.safetensors.index.json"], Pointer);
        Told("model.safetensors.index.json", Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path)));
        File.WriteAllText(folder["config.json"], Pointer);
        Told("config.json", Assert.Throws<ConfigurationException>(() => Checkpoint.Open(folder.Path)));

        void Told(string file, Exception error)
        {
            Assert.Contains(folder[file], error.Message);
            Assert.Contains("git lfs pull", error.Message);
        }
    }

    [Theory]
    [InlineData("pytorch_model.bin")]
    [InlineData("pytorch_model-00001-of-00002.bin")]
    [InlineData("pytorch_model.bin.index.json")]
    [InlineData("pytorch_model.fp16.bin")]
    [InlineData("tf_model.h5")]
    [InlineData("flax_model.msgpack")]
    public void WeightsInAnotherFormatAreNamedWithARemedy(string file)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["config.json"], Tiny.ToJson());
        File.WriteAllText(folder[file], "{}");
        var error = Assert.Throws<CheckpointException>(() => Checkpoint.Open(folder.Path));
        Assert.Equal(folder["model.safetensors"], error.File);
        Assert.Contains(file, error.Reason);
        Assert.Contains("safe_serialization=True", error.Reason);
    }

    [Fact]
    public void AModelWithoutLayerNormEpsilonRuns()
    {
        using var folder = new TemporaryFolder();
        FormulaCheckpoint.Write(folder.Path, Tiny with { LayerNormEpsilon = 0 });
        using var runner = CpuRunner.Load(folder.Path);
        Assert.Equal(0, runner.Config.LayerNormEpsilon);
        using var usual = new TemporaryFolder();
        FormulaCheckpoint.Write(usual.Path, Tiny);
        using var other = CpuRunner.Load(usual.Path);
        var logits = RunnerSequence.For(runner, 3).Run([1, 2, 3]);
        var expected = RunnerSequence.For(other, 3).Run([1, 2, 3]);
        Assert.All(logits, logit => Assert.True(float.IsFinite(logit)));
        Assert.NotEqual(expected, logits);
        Assert.All(expected.Zip(logits), pair => Assert.Equal(pair.First, pair.Second, 1e-2f));
    }

    [Fact]
    public void ATiedModelsReplacedHeadIsKeptUntied()
    {
        using var folder = new TemporaryFolder();
        float[] values = [.. Enumerable.Range(0, 44).Select(i => i / 44f)];
        var head = TensorSource.FromSingles("lm_head.weight", [11, 4], values, TensorDType.BFloat16);
        CheckpointWriter.Save(folder.Path, Tiny, [.. FormulaCheckpoint.Tensors(Tiny), head]);
        Assert.True(Gpt2Config.Load(folder.Path).TieWordEmbeddings);
        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.False(checkpoint.Config.TieWordEmbeddings);
        Assert.Equal(TensorDType.BFloat16, checkpoint["lm_head.weight"].DType);
        Assert.Equal(TensorDType.Float32, checkpoint["wte.weight"].DType);
    }
}
