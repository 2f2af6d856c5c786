using System.Runtime.InteropServices;
using TorchKv.Runtime.Checkpoints;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Checkpoints;

[Trait("speed", "fast")]
public class CheckpointTests
{
    [Theory]
    [InlineData("gelu-new", TensorDType.Float32, 1)]
    [InlineData("untied-head", TensorDType.Float32, 1)]
    [InlineData("bare-names", TensorDType.Float32, 1)]
    [InlineData("relu-wide-mlp", TensorDType.Float32, 1)]
    [InlineData("one-head", TensorDType.Float32, 1)]
    [InlineData("f16-file", TensorDType.Float16, 1)]
    [InlineData("bf16-file", TensorDType.BFloat16, 1)]
    [InlineData("sharded", TensorDType.Float32, 10)]
    public void HuggingFacesLayoutsOpen(string fixture, TensorDType dtype, int files)
    {
        using var checkpoint = Checkpoint.Open(RepositoryFiles.Fixture("hf", fixture));

        Assert.Equal(dtype, checkpoint.DType);
        Assert.Equal(files, checkpoint.Files.Count);
        Assert.Equal(Gpt2Tensors.Parameters(checkpoint.Config).Select(parameter => parameter.Name), checkpoint.Tensors.Select(tensor => tensor.Name));
        Assert.Equal(checkpoint.Config.ParameterCount * dtype.ByteSize(), checkpoint.ByteCount);
        Assert.Equal(fixture != "untied-head", checkpoint.Config.TieWordEmbeddings);
        Assert.Equal(checkpoint.Config.TieWordEmbeddings, ReferenceEquals(checkpoint["lm_head.weight"], checkpoint["transformer.wte.weight"]));
        Assert.Same(checkpoint["transformer.h.1.ln_1.bias"], checkpoint["h.1.ln_1.bias"]);
        foreach (var tensor in checkpoint.Tensors)
        {
            // Whatever the way to the data, it is the same data.
            var read = new byte[tensor.ByteCount];
            tensor.ReadBytes(read);
            Assert.True(tensor.Bytes.SequenceEqual(read));
        }
    }

    [Fact]
    public void NamesWithoutThePrefixAndStoredMaskBuffersAreUnderstood()
    {
        using var bare = Checkpoint.Open(RepositoryFiles.Fixture("hf", "bare-names"));

        Assert.True(bare.Files[0].TryGet("h.0.attn.bias", out _));
        Assert.DoesNotContain(bare.Tensors, tensor => tensor.Name.EndsWith(".attn.bias", StringComparison.Ordinal));
        Assert.Equal("h.2.attn.c_attn.weight", bare["transformer.h.2.attn.c_attn.weight"].FileName);
    }

    [Fact]
    public void HalfAndBFloat16ConvertExactly()
    {
        foreach (var fixture in new[] { "f16-file", "bf16-file" })
        {
            using var checkpoint = Checkpoint.Open(RepositoryFiles.Fixture("hf", fixture));
            foreach (var tensor in checkpoint.Tensors)
            {
                var bits = MemoryMarshal.Cast<byte, ushort>(tensor.Bytes).ToArray();
                var expected = bits.Select(b => tensor.DType == TensorDType.Float16
                    ? (float)BitConverter.UInt16BitsToHalf(b)
                    : BitConverter.UInt32BitsToSingle((uint)b << 16)).ToArray();
                Assert.Equal(expected, Values(tensor));
                Assert.Equal(expected[3..8], Values(tensor, 3, 5));
            }
        }
    }

    [Fact]
    public void EveryHalfConverts()
    {
        using var folder = new TemporaryFolder();
        var bits = Enumerable.Range(0, 65_536).Select(i => (ushort)i).ToArray();
        SafetensorsBytes.Write(folder["x"], """{"x":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}}""", MemoryMarshal.AsBytes<ushort>(bits));
        using var file = SafetensorsFile.Open(folder["x"]);

        var values = Values(file["x"]);

        for (var i = 0; i < bits.Length; i++)
        {
            var expected = (float)BitConverter.UInt16BitsToHalf(bits[i]);
            Assert.True(float.IsNaN(expected) ? float.IsNaN(values[i]) : BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(values[i]), $"{i:x4}");
        }
    }

    [Fact]
    public void ReadingPastATensorIsRefused()
    {
        using var checkpoint = Checkpoint.Open(RepositoryFiles.Fixture("hf", "gelu-new"));
        var tensor = checkpoint["transformer.ln_f.bias"];

        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.CopyTo(new float[49]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.CopyTo(new float[2], 47));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.CopyTo(new float[2], -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.ReadBytes(new byte[2], 48 * 4 - 1));
    }

    [Fact]
    public void AClosedCheckpointSaysSo()
    {
        var checkpoint = Checkpoint.Open(RepositoryFiles.Fixture("hf", "gelu-new"));
        var tensor = checkpoint["wpe.weight"];
        _ = tensor.Bytes[0];
        checkpoint.Dispose();
        checkpoint.Dispose();

        Assert.Throws<ObjectDisposedException>(() => tensor.Bytes.Length);
        Assert.Throws<ObjectDisposedException>(() => tensor.CopyTo(new float[1]));
    }

    [Fact]
    public void TheDefaultModelOpens()
    {
        using var checkpoint = Checkpoint.Open(RepositoryFiles.Weights("storyteller"));

        Assert.Equal(TensorDType.Float16, checkpoint.DType);
        Assert.Equal(4095, checkpoint.Config.BosTokenId);
        Assert.Equal(checkpoint.Config.ParameterCount, checkpoint.Tensors.Sum(tensor => tensor.ElementCount));
    }

    internal static float[] Values(CheckpointTensor tensor) => Values(tensor, 0, (int)tensor.ElementCount);

    private static float[] Values(CheckpointTensor tensor, int start, int count)
    {
        var values = new float[count];
        tensor.CopyTo(values, start);
        return values;
    }
}
