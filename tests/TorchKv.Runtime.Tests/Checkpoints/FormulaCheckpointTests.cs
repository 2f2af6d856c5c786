using System.Text.Json;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Checkpoints;

public class FormulaCheckpointTests
{
    [Fact]
    public void ValuesAreTheReferences()
    {
        using var json = JsonDocument.Parse(File.ReadAllText(RepositoryFiles.Fixture("formula-gpt2.json")));
        var checkedNames = 0;
        foreach (var tensor in json.RootElement.GetProperty("first_values").EnumerateObject())
        {
            var expected = tensor.Value.EnumerateArray().Select(value => value.GetSingle()).ToArray();
            var values = new float[expected.Length];
            FormulaCheckpoint.Fill(tensor.Name, 0, values);
            Assert.Equal(expected, values);
            FormulaCheckpoint.Fill(tensor.Name, 2, values.AsSpan(0, 3));
            Assert.Equal(expected[2..5], values[..3]);
            checkedNames++;
        }

        Assert.Equal(4, checkedNames);
    }

    [Theory]
    [InlineData(TensorDType.Float32)]
    [InlineData(TensorDType.Float16)]
    [InlineData(TensorDType.BFloat16)]
    public void TheWrittenFileIsTheFormulaInTheDType(TensorDType dtype)
    {
        // A vocabulary whose embedding is larger than one piece of the writer.
        var config = new Gpt2Config { VocabSize = 20_011, ContextLength = 16, EmbeddingSize = 60, LayerCount = 2, HeadCount = 3, TieWordEmbeddings = false };
        using var folder = new TemporaryFolder();

        FormulaCheckpoint.Write(folder.Path, config, dtype);

        using var checkpoint = Checkpoint.Open(folder.Path);
        Assert.Equal(config, checkpoint.Config);
        Assert.Equal(dtype, checkpoint.DType);
        foreach (var tensor in checkpoint.Tensors)
        {
            var expected = new float[tensor.ElementCount];
            FormulaCheckpoint.Fill(tensor.Name, 0, expected);
            var rounded = expected.Select(value => dtype switch
            {
                TensorDType.Float16 => (float)(Half)value,
                TensorDType.BFloat16 => RoundToBFloat16(value),
                _ => value,
            });
            Assert.True(rounded.SequenceEqual(CheckpointTests.Values(tensor)), tensor.Name);
        }
    }

    // The nearer of the two neighbours, the even one on a tie: the definition, by comparison.
    private static float RoundToBFloat16(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000;
        var (below, above) = (BitConverter.UInt32BitsToSingle(bits), BitConverter.UInt32BitsToSingle(bits + 0x10000));
        var (low, high) = (Math.Abs((double)value - below), Math.Abs((double)above - value));
        return low < high || (low == high && (bits & 0x10000) == 0) ? below : above;
    }
}
