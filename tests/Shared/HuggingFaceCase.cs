using System.Text.Json;

namespace TorchKv.TestSupport;

/// <summary>One of the fixtures' checkpoints with what HuggingFace made of it (tests/fixtures/README.md).</summary>
internal sealed class HuggingFaceCase
{
    private HuggingFaceCase(string name)
    {
        Name = name;
        Folder = RepositoryFiles.Fixture("hf", name);
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "golden.json")));
        Golden = golden.RootElement.Clone();
        Tensors = SafetensorsTensors.Read(Path.Combine(Folder, "golden.safetensors"));
    }

    /// <summary>The names of all cases.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. Directory.GetDirectories(RepositoryFiles.Fixture("hf")).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    public string Name { get; }

    /// <summary>The checkpoint's folder.</summary>
    public string Folder { get; }

    /// <summary>golden.json.</summary>
    public JsonElement Golden { get; }

    /// <summary>golden.safetensors.</summary>
    public IReadOnlyDictionary<string, FloatTensor> Tensors { get; }

    public static HuggingFaceCase Load(string name) => new(name);

    /// <summary>An array of rows of ids in golden.json.</summary>
    public int[][] Ids(string name) => Rows(Golden.GetProperty(name));

    /// <summary>Rows of ids.</summary>
    public static int[][] Rows(JsonElement rows) => [.. rows.EnumerateArray().Select(row => row.EnumerateArray().Select(id => id.GetInt32()).ToArray())];
}
