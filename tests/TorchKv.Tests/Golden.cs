using System.Text.Json;
using TorchKv.Runtime.Checkpoints;
using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.Tests;

/// <summary>A folder or file of recorded outputs: the tensors of a safetensors file and the JSON beside it.</summary>
internal sealed class Golden : IDisposable
{
    private readonly SafetensorsFile tensors;
    private readonly JsonDocument json;

    private Golden(string withoutExtension)
    {
        tensors = SafetensorsFile.Open(withoutExtension + ".safetensors");
        json = JsonDocument.Parse(File.ReadAllBytes(withoutExtension + ".json"));
    }

    public static IEnumerable<string> HuggingFaceCases { get; } =
        [.. Directory.GetDirectories(RepositoryFiles.Fixture("hf")).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal)];

    public static Golden HuggingFace(string name) => new(RepositoryFiles.Fixture("hf", name, "golden"));

    public static Golden Article(string name) => new(RepositoryFiles.Fixture("article", name));

    public JsonElement Json => json.RootElement;

    public IEnumerable<string> TensorNames => tensors.Tensors.Select(tensor => tensor.Name);

    /// <summary>A recorded tensor, float32.</summary>
    public Tensor this[string name]
    {
        get
        {
            var values = new float[tensors[name].ElementCount];
            tensors[name].CopyTo(values);
            return tensor(values, [.. tensors[name].Shape]);
        }
    }

    /// <summary>Recorded ids, (rows, tokens), int64.</summary>
    public Tensor Ids(string key) => ToTensor(json.RootElement.GetProperty(key));

    public static long[][] Rows(JsonElement rows) => [.. rows.EnumerateArray().Select(row => row.EnumerateArray().Select(id => id.GetInt64()).ToArray())];

    public static Tensor ToTensor(JsonElement rows) => ToTensor(Rows(rows));

    public static Tensor ToTensor(long[][] rows) => tensor(rows.SelectMany(row => row).ToArray(), [rows.Length, rows[0].Length], dtype: ScalarType.Int64);

    public static long[][] ToRows(Tensor ids) =>
        [.. ids.data<long>().ToArray().Chunk((int)ids.size(1))];

    public void Dispose()
    {
        tensors.Dispose();
        json.Dispose();
    }
}
