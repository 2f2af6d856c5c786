using System.IO.Compression;
using System.Text.Encodings.Web;
using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured;

namespace TorchKv.Benchmarks.Masks;

/// <summary>One constraint of a suite, with texts that it must accept or refuse.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Constraint">The constraint, not yet compiled.</param>
/// <param name="Texts">The texts, and whether the constraint must accept them.</param>
internal sealed record SuiteEntry(string Name, TokenConstraint Constraint, (string Text, bool IsValid)[] Texts)
{
    private static readonly JsonSerializerOptions s_compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads a folder's files <c>*.jsonl</c> and <c>*.jsonl.gz</c>: one JSON object a line.</summary>
    /// <remarks>
    /// An object has a <c>name</c>; a <c>regex</c> or a <c>grammar</c>; and <c>tests</c>, each with <c>data</c> and
    /// <c>valid</c>. A text that is not a JSON string is taken as compact JSON.
    /// </remarks>
    public static IEnumerable<SuiteEntry> ReadFolder(string folder)
    {
        string[] files = [.. Directory.GetFiles(folder, "*.jsonl"), .. Directory.GetFiles(folder, "*.jsonl.gz")];
        if (files.Length == 0)
        {
            throw new FileNotFoundException($"{folder}: there is no file *.jsonl or *.jsonl.gz.");
        }

        foreach (var file in files.Order(StringComparer.Ordinal))
        {
            using var stream = File.OpenRead(file);
            using var reader = new StreamReader(
                file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(stream, CompressionMode.Decompress) : stream);
            while (reader.ReadLine() is { } line)
            {
                if (line.Length > 0)
                {
                    using var entry = JsonDocument.Parse(line);
                    yield return Of(entry.RootElement);
                }
            }
        }
    }

    private static SuiteEntry Of(JsonElement entry) => new(
        entry.GetProperty("name").GetString()!,
        ConstraintOf(entry),
        [.. entry.GetProperty("tests").EnumerateArray().Select(test => (TextOf(test.GetProperty("data")), test.GetProperty("valid").GetBoolean()))]);

    private static TokenConstraint ConstraintOf(JsonElement entry)
    {
        if (entry.TryGetProperty("regex", out var regex))
        {
            return TokenConstraint.Regex(regex.GetString()!);
        }

        return entry.TryGetProperty("grammar", out var grammar)
            ? TokenConstraint.Grammar(grammar.GetString()!)
            : throw new InvalidDataException($"{entry.GetProperty("name")}: there is neither a regex nor a grammar.");
    }

    private static string TextOf(JsonElement data)
        => data.ValueKind == JsonValueKind.String ? data.GetString()! : JsonSerializer.Serialize(data, s_compact);
}
