using System.Text.Json;
using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.Tests;

/// <summary>One of the article's models with what PyTorch made of it (tests/fixtures/README.md).</summary>
internal sealed class ArticleCase
{
    private readonly IReadOnlyDictionary<string, FloatTensor> _tensors;

    private ArticleCase(string name)
    {
        _tensors = SafetensorsTensors.Read(RepositoryFiles.Fixture("article", name + ".safetensors"));
        using var golden = JsonDocument.Parse(File.ReadAllBytes(RepositoryFiles.Fixture("article", name + ".json")));
        Golden = golden.RootElement.Clone();
    }

    public JsonElement Golden { get; }

    public static ArticleCase Load(string name) => new(name);

    /// <summary>A recorded tensor, float32.</summary>
    public Tensor Tensor(string name) => _tensors[name].ToTensor();

    /// <summary>Recorded ids, (rows, tokens), int64.</summary>
    public Tensor IdTensor(string name) => TorchRecordings.ToTensor(HuggingFaceCase.Rows(Golden.GetProperty(name)));
}
