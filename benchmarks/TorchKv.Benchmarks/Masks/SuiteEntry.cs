using System.IO.Compression;
using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured;
using TorchKv.Structured.Contracts;

namespace TorchKv.Benchmarks.Masks;

/// <summary>One constraint of a suite, with texts that it must accept or refuse.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Constraint">The constraint, not yet compiled.</param>
/// <param name="Texts">The texts.</param>
internal sealed record SuiteEntry(string Name, TokenConstraint Constraint, SuiteText[] Texts)
{
    /// <summary>The JSON schema's text; null where the constraint is another.</summary>
    public string? Schema { get; private init; }

    /// <summary>The order of properties that a JSON schema's constraint allows.</summary>
    public JsonPropertyOrder Order { get; private init; }

    private static readonly JsonDocumentOptions s_deep = new() { MaxDepth = 256 };

    /// <summary>Reads a suite: a file or a folder of files, <c>.jsonl</c> or <c>.jsonl.gz</c> with an entry a line,
    /// or <c>.json</c> with one entry.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="options">How schemas are compiled.</param>
    /// <remarks>
    /// An entry has a <c>name</c>; a <c>schema</c>, a <c>regex</c> or a <c>grammar</c>; and <c>tests</c>, each with
    /// <c>data</c> and <c>valid</c>. A schema's data is an instance, read as compact JSON. Other data is the text, or
    /// JSON whose compact form is the text.
    /// </remarks>
    public static IEnumerable<SuiteEntry> Read(string path, JsonSchemaOptions options)
    {
        string[] files = File.Exists(path) ? [path]
            : [.. Directory.EnumerateFiles(path, "*.json*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        if (files.Length == 0)
        {
            throw new FileNotFoundException($"{path}: there is no file *.json, *.jsonl or *.jsonl.gz.");
        }

        foreach (var file in files)
        {
            if (file.EndsWith(".json", StringComparison.Ordinal))
            {
                yield return Of(File.ReadAllText(file), Path.GetFileNameWithoutExtension(file), options);
                continue;
            }

            using var raw = File.OpenRead(file);
            using Stream stream = file.EndsWith(".gz", StringComparison.Ordinal)
                ? new GZipStream(raw, CompressionMode.Decompress)
                : raw;
            using var reader = new StreamReader(stream);
            while (reader.ReadLine() is { } line)
            {
                if (line.Length > 0)
                {
                    yield return Of(line, Path.GetFileName(file), options);
                }
            }
        }
    }

    private static SuiteEntry Of(string text, string file, JsonSchemaOptions options)
    {
        using var json = JsonDocument.Parse(text, s_deep);
        var entry = json.RootElement;
        var name = entry.TryGetProperty("name", out var own) ? own.GetString()! : file;
        var tests = entry.GetProperty("tests").EnumerateArray()
            .Select(test => (Data: test.GetProperty("data"), IsValid: test.GetProperty("valid").GetBoolean()));
        if (entry.TryGetProperty("schema", out var schema))
        {
            return new SuiteEntry(name, TokenConstraint.JsonSchema(schema, options),
            [
                .. tests.Select(test => new SuiteText(
                    CompactJson.Of(test.Data),
                    test.IsValid,
                    CompactJson.Of(test.IsValid ? SchemaOrder.Of(schema, test.Data) : test.Data))),
            ])
            { Schema = schema.GetRawText(), Order = options.PropertyOrder };
        }

        var constraint = entry.TryGetProperty("regex", out var regex) ? TokenConstraint.Regex(regex.GetString()!)
            : entry.TryGetProperty("grammar", out var grammar) ? TokenConstraint.Grammar(grammar.GetString()!)
            : throw new InvalidDataException($"{name}: there is no schema, regex or grammar.");
        return new SuiteEntry(name, constraint, [.. tests.Select(test => Plain(test.Data, test.IsValid))]);
    }

    private static SuiteText Plain(JsonElement data, bool isValid)
    {
        var text = data.ValueKind == JsonValueKind.String ? data.GetString()! : CompactJson.Of(data);
        return new SuiteText(text, isValid, text);
    }
}
