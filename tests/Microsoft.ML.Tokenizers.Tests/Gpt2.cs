using System.Text.Json;
using System.Text.RegularExpressions;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace Microsoft.ML.Tokenizers.Tests;

/// <summary>GPT-2's tokenizer as a user of the package sets it up.</summary>
internal static class Gpt2
{
    public const string Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    public static readonly Dictionary<string, int> SpecialTokens = new() { ["<|endoftext|>"] = 50256 };

    public static readonly Regex Regex = new(Pattern, RegexOptions.Compiled | RegexOptions.CultureInvariant);

    public static readonly BpeTokenizer Tokenizer = Create(new RegexPreTokenizer(Regex, SpecialTokens), SpecialTokens);

    public static string VocabFile => RepositoryFiles.Weights("gpt2-vocab", "vocab.json");

    public static string MergesFile => RepositoryFiles.Weights("gpt2-vocab", "merges.txt");

    public static BpeTokenizer Create(PreTokenizer preTokenizer, IReadOnlyDictionary<string, int>? specialTokens, Normalizer? normalizer = null)
        => BpeTokenizer.Create(new BpeOptions(VocabFile, MergesFile)
        {
            ByteLevel = true,
            PreTokenizer = preTokenizer,
            SpecialTokens = specialTokens,
            Normalizer = normalizer,
        });

    /// <summary>HuggingFace's text, ids and decoded text.</summary>
    public static IReadOnlyList<(string Text, int[] Ids, string Decoded)> Fixtures { get; } = ReadFixtures();

    /// <summary>Those that a .NET regular expression splits as GPT-2's does: without letters and digits outside the basic plane.</summary>
    public static IEnumerable<(string Text, int[] Ids, string Decoded)> RegexFixtures
        => Fixtures.Where(f => !f.Text.EnumerateRunes().Any(rune => !rune.IsBmp && System.Text.Rune.IsLetterOrDigit(rune)));

    private static List<(string, int[], string)> ReadFixtures()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(RepositoryFiles.Fixture("tokenizer-gpt2.json")));
        return [.. json.RootElement.EnumerateArray().Select(e => (
            e.GetProperty("text").GetString()!,
            e.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToArray(),
            e.GetProperty("decoded").GetString()!))];
    }
}
