using System.Text.Json;

namespace TorchKv.TestSupport;

/// <summary>The default model, and what HuggingFace made of it (tests/fixtures/README.md).</summary>
internal static class Storyteller
{
    public static string Folder { get; } = RepositoryFiles.Weights("storyteller");

    /// <summary>golden.json.</summary>
    public static JsonElement Golden { get; } = Read();

    private static JsonElement Read()
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(RepositoryFiles.Fixture("storyteller", "golden.json")));
        return golden.RootElement.Clone();
    }
}
