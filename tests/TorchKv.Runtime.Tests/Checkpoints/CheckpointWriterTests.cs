using System.Text.Json;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Checkpoints;

[Trait("speed", "fast")]
public class CheckpointWriterTests
{
    [Theory]
    [InlineData("gelu-new", long.MaxValue)]
    [InlineData("untied-head", long.MaxValue)]
    [InlineData("bare-names", long.MaxValue)]
    [InlineData("f16-file", 30_000)]
    [InlineData("bf16-file", 1)]
    [InlineData("sharded", 40_000)]
    public void ACheckpointSurvivesBeingSavedByteForByte(string fixture, long maxShardBytes)
    {
        using var folder = new TemporaryFolder();
        using var original = Checkpoint.Open(RepositoryFiles.Fixture("hf", fixture));

        CheckpointWriter.Save(folder.Path, original.Config, original.Tensors.Select(tensor => new TensorSource(tensor)), maxShardBytes);

        using var saved = Checkpoint.Open(folder.Path);
        Assert.Equal(original.Config, saved.Config);
        Assert.Equal(maxShardBytes == long.MaxValue, saved.Files.Count == 1);
        Assert.All(saved.Files, file => Assert.Equal("pt", file.Metadata["format"]));
        foreach (var tensor in original.Tensors)
        {
            Assert.Equal(tensor.DType, saved[tensor.Name].DType);
            Assert.True(tensor.Shape.AsSpan().SequenceEqual(saved[tensor.Name].Shape.AsSpan()));
            Assert.True(tensor.Bytes.SequenceEqual(saved[tensor.Name].Bytes), tensor.Name);
        }
    }

    [Theory]
    [InlineData("gelu-new")]
    [InlineData("untied-head")]
    [InlineData("f16-file")]
    [InlineData("bf16-file")]
    public void TheFileIsTheOneThatHuggingFaceWrote(string fixture)
    {
        using var folder = new TemporaryFolder();
        using var original = Checkpoint.Open(RepositoryFiles.Fixture("hf", fixture));

        CheckpointWriter.Save(folder.Path, original.Config, original.Tensors.Select(tensor => new TensorSource(tensor)));

        Assert.True(File.ReadAllBytes(RepositoryFiles.Fixture("hf", fixture, "model.safetensors")).AsSpan().SequenceEqual(File.ReadAllBytes(folder["model.safetensors"])));
    }

    [Fact]
    public void ShardsAreSplitAndNamedAsHuggingFaceDoes()
    {
        using var folder = new TemporaryFolder();
        using var original = Checkpoint.Open(RepositoryFiles.Fixture("hf", "sharded"));

        CheckpointWriter.Save(folder.Path, original.Config, original.Tensors.Select(tensor => new TensorSource(tensor)), 60_000);

        // 53,184 bytes in its first shard, and no two neighbours of fewer than 74,496: any limit between gives the same split.
        using var index = JsonDocument.Parse(File.ReadAllText(folder["model.safetensors.index.json"]));
        using var theirs = JsonDocument.Parse(File.ReadAllText(RepositoryFiles.Fixture("hf", "sharded", "model.safetensors.index.json")));
        Assert.Equal(
            theirs.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64(),
            index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());
        Assert.Equal(
            theirs.RootElement.GetProperty("weight_map").EnumerateObject().Select(entry => (entry.Name, entry.Value.GetString())).Order(),
            index.RootElement.GetProperty("weight_map").EnumerateObject().Select(entry => (entry.Name, entry.Value.GetString())).Order());
        Assert.All(
            Directory.EnumerateFiles(folder.Path, "*.safetensors"),
            file => Assert.Equal(File.ReadAllBytes(RepositoryFiles.Fixture("hf", "sharded", Path.GetFileName(file))), File.ReadAllBytes(file)));
    }

    [Fact]
    public void WeightsSavedBeforeInOtherPiecesDoNotStay()
    {
        var config = new Gpt2Config { VocabSize = 10, ContextLength = 4, EmbeddingSize = 8, LayerCount = 1, HeadCount = 1 };
        using var folder = new TemporaryFolder();
        FormulaCheckpoint.Write(folder.Path, config, maxShardBytes: 1_000);
        FormulaCheckpoint.Write(folder.Path, config, TensorDType.Float16);
        Assert.Equal(["config.json", "generation_config.json", "model.safetensors"], Names());

        FormulaCheckpoint.Write(folder.Path, config, maxShardBytes: 2_000);

        Assert.DoesNotContain("model.safetensors", Names());
        using var saved = Checkpoint.Open(folder.Path);
        Assert.Equal(TensorDType.Float32, saved.DType);

        IEnumerable<string> Names() => Directory.EnumerateFiles(folder.Path).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal);
    }

    [Fact]
    public void ACheckpointCanBeSavedOverItself()
    {
        using var folder = new TemporaryFolder().CopyOf(RepositoryFiles.Fixture("hf", "gelu-new"));
        byte[] before;
        using (var original = Checkpoint.Open(folder.Path))
        {
            before = original["wte.weight"].Bytes.ToArray();
            CheckpointWriter.Save(folder.Path, original.Config, original.Tensors.Select(tensor => new TensorSource(tensor)));
        }

        using var saved = Checkpoint.Open(folder.Path);
        Assert.True(saved["wte.weight"].Bytes.SequenceEqual(before));
    }

    [Fact]
    public void SavingThroughALinkLeavesTheUsersFiles()
    {
        var config = new Gpt2Config { VocabSize = 10, ContextLength = 4, EmbeddingSize = 8, LayerCount = 1, HeadCount = 1 };
        using var store = new TemporaryFolder();
        using var folder = new TemporaryFolder();
        File.CreateSymbolicLink(folder["model.safetensors"], store["weights"]);
        string[] users = ["config.json.new", "model.safetensors.new", "model.safetensors.tmp"];
        Array.ForEach(users, name => File.WriteAllText(folder[name], "the user's"));

        FormulaCheckpoint.Write(folder.Path, config);

        Assert.Equal(store["weights"], new FileInfo(folder["model.safetensors"]).LinkTarget);
        Assert.Equal([store["weights"]], Directory.EnumerateFileSystemEntries(store.Path));
        Assert.All(users, name => Assert.Equal("the user's", File.ReadAllText(folder[name])));
        using var saved = Checkpoint.Open(folder.Path);
        Assert.Equal(TensorDType.Float32, saved.DType);
    }

    [Fact]
    public void AFileWithTheNameOfAFolderIsRefused()
    {
        using var folder = new TemporaryFolder();
        var refusal = Assert.Throws<CheckpointException>(() => SafetensorsWriter.Write(folder.Path, []));
        Assert.Equal($"{folder.Path}: is a folder; name a file.", refusal.Message);
    }

    [Fact]
    public void WhatIsNoModelIsRefusedBeforeAnythingIsWritten()
    {
        var config = new Gpt2Config { VocabSize = 10, ContextLength = 4, EmbeddingSize = 8, LayerCount = 1, HeadCount = 1 };
        var tensors = FormulaCheckpoint.Tensors(config).ToList();
        using var folder = new TemporaryFolder();

        Refused(config, tensors[1..], tensors[0].Name);
        Refused(config, [.. tensors, tensors[3]], tensors[3].Name);
        Refused(config with { VocabSize = 11 }, tensors, tensors[0].Name);
        Refused(config, [.. tensors, TensorSource.FromSingles("lm_head.weight", [1], new float[1])], "lm_head.weight");
        Assert.Throws<ConfigurationException>(() => CheckpointWriter.Save(folder.Path, config with { HeadCount = 3 }, tensors));
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));

        void Refused(Gpt2Config shape, IEnumerable<TensorSource> what, string name) =>
            Assert.Equal(name, Assert.Throws<CheckpointException>(() => CheckpointWriter.Save(folder.Path, shape, what)).Tensor);
    }

    [Fact]
    public void AFailureInTheMiddleLeavesWhatWasThere()
    {
        var config = new Gpt2Config { VocabSize = 10, ContextLength = 4, EmbeddingSize = 8, LayerCount = 1, HeadCount = 1 };
        using var folder = new TemporaryFolder();
        FormulaCheckpoint.Write(folder.Path, config);
        var before = Directory.EnumerateFiles(folder.Path).ToDictionary(file => file, File.ReadAllBytes);
        var tensors = FormulaCheckpoint.Tensors(config, TensorDType.Float16).ToList();
        tensors[5] = new TensorSource(tensors[5].Name, tensors[5].DType, tensors[5].Shape, (_, _) => throw new InvalidOperationException("out of tensors"));

        Assert.Throws<InvalidOperationException>(() => CheckpointWriter.Save(folder.Path, config, tensors, 1_000));

        Assert.Equal(before.Keys.Order(), Directory.EnumerateFiles(folder.Path).Order());
        Assert.All(before, file => Assert.Equal(file.Value, File.ReadAllBytes(file.Key)));
    }

    [Fact]
    public void WritingWhereNothingCanBeWrittenIsNamed()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["file"], "");

        var error = Assert.Throws<CheckpointException>(() => FormulaCheckpoint.Write(folder["file"], new Gpt2Config { VocabSize = 10, ContextLength = 4, EmbeddingSize = 8, LayerCount = 1, HeadCount = 1 }));

        Assert.Contains(folder["file"], error.Message);
    }

    [Theory]
    [InlineData(1f, 0x3F80)]
    [InlineData(-2.5f, 0xC020)]
    [InlineData(1.00390625f, 0x3F80)] // halfway, to even
    [InlineData(1.01171875f, 0x3F82)] // halfway, to even
    [InlineData(3.4028235e38f, 0x7F80)]
    [InlineData(float.PositiveInfinity, 0x7F80)]
    public void BFloat16IsRoundedToNearestEven(float value, int expected)
    {
        var bytes = new byte[2];
        FloatConversion.FromSingle(TensorDType.BFloat16, [value], bytes);

        Assert.Equal(expected, BitConverter.ToUInt16(bytes));
    }

    [Fact]
    public void ANaNStaysOneInBFloat16()
    {
        var bytes = new byte[2];
        FloatConversion.FromSingle(TensorDType.BFloat16, [BitConverter.UInt32BitsToSingle(0x7F800001)], bytes);
        var back = new float[1];
        FloatConversion.ToSingle(TensorDType.BFloat16, bytes, back);

        Assert.True(float.IsNaN(back[0]));
    }
}
