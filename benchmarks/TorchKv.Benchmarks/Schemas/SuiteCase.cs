using System.IO.Compression;
using System.Text.Json;

namespace TorchKv.Benchmarks.Schemas;

/// <summary>A schema of a suite, with instances that it allows and others.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Schema">The schema.</param>
/// <param name="Tests">The instances, and whether the schema allows them.</param>
internal sealed record SuiteCase(string Name, JsonElement Schema, IReadOnlyList<(JsonElement Data, bool IsValid)> Tests)
{
    private static readonly JsonDocumentOptions s_deep = new() { MaxDepth = 256 };

    /// <summary>The cases of a suite in MaskBench's form.</summary>
    /// <param name="path">
    /// A file with a case a line (.jsonl or .jsonl.gz), a folder with such files, or a folder with a file for each case
    /// (.json).
    /// </param>
    public static IEnumerable<SuiteCase> Read(string path)
    {
        string[] files = File.Exists(path) ? [path]
            : [.. Directory.EnumerateFiles(path, "*.json*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        foreach (var file in files)
        {
            if (file.EndsWith(".json", StringComparison.Ordinal))
            {
                yield return Parse(File.ReadAllText(file), Path.GetFileNameWithoutExtension(file));
                continue;
            }

            using var raw = File.OpenRead(file);
            using Stream stream = file.EndsWith(".gz", StringComparison.Ordinal)
                ? new GZipStream(raw, CompressionMode.Decompress)
                : raw;
            using var reader = new StreamReader(stream);
            while (reader.ReadLine() is { } line)
            {
                yield return Parse(line, Path.GetFileName(file));
            }
        }
    }

    private static SuiteCase Parse(string text, string file)
    {
        var json = JsonDocument.Parse(text, s_deep).RootElement;
        return new SuiteCase(
            json.TryGetProperty("name", out var name) ? name.GetString()! : file,
            json.GetProperty("schema"),
            [.. json.GetProperty("tests").EnumerateArray().Select(
                test => (test.GetProperty("data"), test.GetProperty("valid").GetBoolean()))]);
    }
}
