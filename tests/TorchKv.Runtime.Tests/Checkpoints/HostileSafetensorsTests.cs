using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Contracts;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Checkpoints;

/// <summary>Files that lie. Each is refused by name, and costs no memory to speak of.</summary>
public class HostileSafetensorsTests
{
    private const string Right = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[1,2],"data_offsets":[8,12]}}""";

    [Fact]
    public void TheFileThatTheOthersDifferFromOpens()
    {
        using var folder = new TemporaryFolder();
        SafetensorsBytes.Write(folder["x"], Right, new byte[12]);
        using var file = SafetensorsFile.Open(folder["x"]);

        Assert.Equal(["a F32 [2]", "b F16 [1, 2]"], file.Tensors.Select(tensor => tensor.ToString()));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[2],"data_offsets":[6,10]}}""", 10, "b", "another tensor's")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "b", "another tensor's")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "a", "nothing describes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, null, "9 bytes of data")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 7, "a", "truncated")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 0, "a", "truncated")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "a", "takes 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "a", "takes 8 bytes")]
    [InlineData("""{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}""", 8, "a", "takes 16 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,8]}}""", 8, "a", "takes 4,000,000,000 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}""", 8, "a", "truncated")]
    [InlineData("""{"a":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807],"data_offsets":[0,8]}}""", 8, "a", "more elements")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "a", "more elements")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "a", "shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", 8, "a", "shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":"2","data_offsets":[0,8]}}""", 8, "a", "shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 8, "a", "data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551616]}}""", 8, "a", "data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}""", 8, "a", "takes 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "a", "two data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}""", 8, "a", "more than 2")]
    [InlineData("""{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", 8, "a", "F31")]
    [InlineData("""{"a":{"dtype":4,"shape":[2],"data_offsets":[0,8]}}""", 8, "a", "dtype")]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "a", "must have")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}""", 8, "a", "each once")]
    [InlineData("""{"a":{"dtype":"F32","more":1,"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "a", "each once")]
    [InlineData("""{"__metadata__":null,"__metadata__":null}""", 0, "__metadata__", "twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", 16, "a", "twice")]
    [InlineData("""{"a":[]}""", 0, "a", "object")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, null, "__metadata__")]
    [InlineData("""{"__metadata__":[]}""", 0, null, "__metadata__")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""", 8, null, "JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}x""", 8, null, "JSON")]
    [InlineData("""{"a":{"dtype":{"b":{"c":{"d":1}}}}}""", 8, "a", "dtype")]
    [InlineData("[]", 0, null, "safetensors")]
    [InlineData("", 8, null, "safetensors")]
    [InlineData("GGUF", 0, null, "safetensors")]
    public void AHeaderThatLiesIsRefusedByName(string header, int dataLength, string? tensor, string words)
    {
        using var folder = new TemporaryFolder();
        SafetensorsBytes.Write(folder["x"], header, new byte[dataLength]);

        Refused(folder["x"], tensor, words);
    }

    [Theory]
    [InlineData(200UL, "200 bytes")]
    [InlineData(100_000_001UL, "limit")]
    [InlineData(ulong.MaxValue, "limit")]
    [InlineData(0x8000_0000_0000_0000UL, "limit")]
    public void AHeaderLongerThanFileOrLimitIsRefused(ulong claimed, string words)
    {
        using var folder = new TemporaryFolder();
        SafetensorsBytes.Write(folder["x"], Right, new byte[12], claimed);

        Refused(folder["x"], null, words);
    }

    [Fact]
    public void TheLargestHeaderWithoutJsonCostsNoManagedMemory()
    {
        using var folder = new TemporaryFolder();
        SafetensorsBytes.Write(folder["x"], "{", [], SafetensorsHeader.LargestHeader);
        using (var file = File.OpenWrite(folder["x"]))
        {
            file.SetLength(SafetensorsHeader.LargestHeader + 8);
        }

        Refused(folder["x"], null, "JSON");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void AFileWithoutRoomForALengthIsRefused(int length)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["x"], new byte[length]);

        Refused(folder["x"], null, $"has {length} bytes");
    }

    [Fact]
    public void DeepJsonIsRefused()
    {
        using var folder = new TemporaryFolder();
        SafetensorsBytes.Write(folder["x"], "{\"__metadata__\":{\"a\":" + new string('[', 1_000_000), []);
        Refused(folder["x"], null, "__metadata__");
        SafetensorsBytes.Write(folder["x"], new string('{', 1_000_000), []);
        Refused(folder["x"], null, "JSON");
        SafetensorsBytes.Write(folder["x"], "{\"a\":" + string.Concat(Enumerable.Repeat("{\"dtype\":", 100_000)), []);
        Refused(folder["x"], "a", "dtype");
    }

    [Fact]
    public void TextThatIsNotUtf8IsRefused()
    {
        using var folder = new TemporaryFolder();
        byte[] header = [(byte)'{', (byte)'"', 0xFF, 0xFE, (byte)'"', (byte)':', (byte)'1', (byte)'}'];
        File.WriteAllBytes(folder["x"], [8, 0, 0, 0, 0, 0, 0, 0, .. header]);

        Refused(folder["x"], null, "");
    }

    [Fact]
    public void ALongNameIsNotRepeatedWhole()
    {
        using var folder = new TemporaryFolder();
        SafetensorsBytes.Write(folder["x"], $$"""{"{{new string('n', 100_000)}}":[]}""", []);

        Assert.InRange(Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(folder["x"])).Message.Length, 1, 600);
    }

    [Fact]
    public void AMissingFileAndAFolderAreNamed()
    {
        using var folder = new TemporaryFolder();

        Assert.Contains("no such file", Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(folder["none"])).Message);
        Assert.Contains(folder.Path, Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(folder.Path)).Message);
    }

    [Fact]
    public void PaddingAfterTheHeaderScalarsAndEmptyTensorsAreRight()
    {
        using var folder = new TemporaryFolder();
        SafetensorsBytes.Write(
            folder["x"],
            """{"__metadata__":{"format":"pt"},"e":{"dtype":"F32","shape":[3,0],"data_offsets":[4,4]},"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"t":{"dtype":"I64","shape":[1],"data_offsets":[4,12]}}   """,
            new byte[12]);
        using var file = SafetensorsFile.Open(folder["x"]);

        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal(1, file["s"].ElementCount);
        Assert.Equal(0, file["e"].Bytes.Length);
        Assert.Equal(8, file["t"].Bytes.Length);
        Assert.Equal("t", Assert.Throws<CheckpointException>(() => file["t"].CopyTo(new float[1])).Tensor);
    }

    [Fact]
    public void AFileThatShrinksWhileItIsOpenIsNoticed()
    {
        using var folder = new TemporaryFolder();
        SafetensorsBytes.Write(folder["x"], Right, new byte[12]);
        using var file = SafetensorsFile.Open(folder["x"]);
        using (var writer = new FileStream(folder["x"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            writer.SetLength(writer.Length - 6);
        }

        Assert.Contains("has", Assert.Throws<CheckpointException>(() => file["b"].CopyTo(new float[2])).Message);
        Assert.Throws<CheckpointException>(() => file["a"].Bytes.Length);
    }

    [Fact]
    public void RandomDamageNeverEscapesAsAnythingElse()
    {
        using var folder = new TemporaryFolder();
        var whole = File.ReadAllBytes(RepositoryFiles.Fixture("hf", "sharded", "model-00003-of-00010.safetensors"));
        var random = new Random(5);
        var opened = 0;
        for (var i = 0; i < 3_000; i++)
        {
            var damaged = whole[..(random.Next(4) == 0 ? random.Next(whole.Length) : whole.Length)];
            for (var changes = random.Next(4); changes > 0 && damaged.Length > 0; changes--)
            {
                damaged[random.Next(Math.Min(damaged.Length, 600))] = (byte)random.Next(256);
            }

            File.WriteAllBytes(folder["x"], damaged);
            try
            {
                using var file = SafetensorsFile.Open(folder["x"]);
                opened++;
                foreach (var tensor in file.Tensors)
                {
                    tensor.ReadBytes(new byte[tensor.ByteCount]);
                }
            }
            catch (CheckpointException)
            {
            }
        }

        // Both outcomes occurred: the damage is neither always fatal nor always harmless.
        Assert.InRange(opened, 100, 2_900);
    }

    internal static void Refused(string path, string? tensor, string words)
    {
        // Once for the code, once for the count.
        Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(path));
        var before = GC.GetAllocatedBytesForCurrentThread();
        CheckpointException? error = null;
        try
        {
            SafetensorsFile.Open(path).Dispose();
        }
        catch (CheckpointException refusal)
        {
            error = refusal;
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.NotNull(error);
        Assert.InRange(allocated, 0, 64 * 1024);
        Assert.IsAssignableFrom<TorchKvException>(error);
        Assert.Equal(tensor, error.Tensor);
        Assert.Equal(path, error.File);
        Assert.Contains(words, error.Reason);
    }
}
