using System.Text.Json;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Text;

/// <summary>The tokenizers that the repository has files for, and HuggingFace's texts and ids.</summary>
internal static class Tokenizers
{
    public static readonly Gpt2Tokenizer Gpt2 = Gpt2Tokenizer.Load(RepositoryFiles.Weights("gpt2-vocab"));

    public static readonly Gpt2Tokenizer Storyteller = Gpt2Tokenizer.Load(RepositoryFiles.Weights("storyteller"));

    public static IReadOnlyList<(string Text, int[] Ids, string Decoded)> Fixtures { get; } = ReadFixtures();

    private static List<(string, int[], string)> ReadFixtures()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(RepositoryFiles.Fixture("tokenizer-gpt2.json")));
        return [.. json.RootElement.EnumerateArray().Select(e => (
            e.GetProperty("text").GetString()!,
            e.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray(),
            e.GetProperty("decoded").GetString()!))];
    }
}
