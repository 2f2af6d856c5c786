using System.Text;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Checkpoints;

/// <summary>Damaged headers, indexes and configurations give a checkpoint that can be read, or a typed error.</summary>
public sealed class CheckpointFuzzTests : IDisposable
{
    private static readonly Gpt2Config Tiny =
        new() { VocabSize = 11, ContextLength = 8, EmbeddingSize = 4, LayerCount = 1, HeadCount = 2 };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ADamagedHeaderIsReadOrRefused()
    {
        const string header = """
            {"__metadata__":{"format":"pt","x":"y"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
             "b":{"dtype":"F16","shape":[1,2],"data_offsets":[8,12],"more":{"c":[1]}},
             "e":{"dtype":"I64","shape":[3,0],"data_offsets":[12,12]},
             "s":{"dtype":"BF16","shape":[],"data_offsets":[12,14]}}
            """;
        Fuzz<CheckpointException>(header, bytes =>
        {
            SafetensorsBytes.Write(_folder["x"], bytes, new byte[14]);
            using var file = SafetensorsFile.Open(_folder["x"]);
            foreach (var tensor in file.Tensors)
            {
                tensor.ReadBytes(new byte[tensor.ByteCount]);
                Assert.Same(tensor, file[tensor.Name]);
            }
        });
    }

    [Fact]
    public void ADamagedHeaderOfAModelIsReadOrRefused()
    {
        FormulaCheckpoint.Write(_folder.Path, Tiny);
        var bytes = File.ReadAllBytes(_folder["model.safetensors"]);
        var length = BitConverter.ToInt32(bytes);
        var data = bytes[(8 + length)..];
        Fuzz<CheckpointException>(Encoding.UTF8.GetString(bytes, 8, length), header =>
        {
            SafetensorsBytes.Write(_folder["model.safetensors"], header, data);
            Read();
        });
    }

    [Fact]
    public void ADamagedIndexIsReadOrRefused()
    {
        FormulaCheckpoint.Write(_folder.Path, Tiny, maxShardBytes: 300);
        Fuzz<CheckpointException>(File.ReadAllText(_folder["model.safetensors.index.json"]), bytes =>
        {
            File.WriteAllBytes(_folder["model.safetensors.index.json"], bytes);
            Read();
        });
    }

    [Fact]
    public void ADamagedConfigurationIsReadOrRefused()
    {
        FormulaCheckpoint.Write(_folder.Path, Tiny);
        Fuzz<TorchKvException>(File.ReadAllText(_folder["config.json"]), bytes =>
        {
            File.WriteAllBytes(_folder["config.json"], bytes);
            Read();
        });
    }

    private static void Fuzz<TError>(string json, Action<byte[]> read)
        where TError : TorchKvException
    {
        int done = 0, refused = 0;
        foreach (var bytes in DamagedJson.Samples(json, 1_500, seed: 11))
        {
            try
            {
                read(bytes);
                done++;
            }
            catch (TError error)
            {
                refused++;
                Assert.InRange(error.Message.Length, 1, 2_000);
            }
        }

        // Both outcomes occurred, so the damage reaches behind the first check.
        Assert.InRange(done, 10, int.MaxValue);
        Assert.InRange(refused, 20, int.MaxValue);
    }

    private void Read()
    {
        using var checkpoint = Checkpoint.Open(_folder.Path);
        foreach (var tensor in checkpoint.Tensors)
        {
            tensor.CopyTo(new float[tensor.ElementCount]);
        }
    }
}
