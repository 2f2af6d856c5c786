using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Contracts;
using TorchKv.TestSupport;

namespace TorchKv.Structured.Tests.Json;

/// <summary>Runs the official test suite of JSON Schema against the compiler.</summary>
internal static class OfficialSuite
{
    /// <summary>What came out.</summary>
    /// <param name="Groups">Groups of tests with one schema each.</param>
    /// <param name="Compiled">Those whose schema was compiled.</param>
    /// <param name="Tests">Tests of the compiled groups.</param>
    /// <param name="FalsePositives">Invalid instances that were allowed.</param>
    /// <param name="Report">The refused groups, then the valid instances that were refused, one a line.</param>
    public sealed record Outcome(int Groups, int Compiled, int Tests, List<string> FalsePositives, List<string> Report);

    /// <summary>The folder of the suite.</summary>
    public static string Folder { get; } =
        RepositoryFiles.At("tests", "TorchKv.Structured.Tests", "json-schema-test-suite");

    /// <summary>Runs the tests of a draft.</summary>
    public static Outcome Run(string draft, string schemaUri)
    {
        var (groups, compiled, tests) = (0, 0, 0);
        List<string> falsePositives = [], refused = [], unwritten = [];
        string folder = Path.Combine(Folder, draft);
        foreach (string file in Directory.GetFiles(folder, "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            string name = Path.GetRelativePath(Folder, file).Replace('\\', '/');
            if (name == "draft7/optional/content.json")
            {
                // Only draft 7 lets contentEncoding and contentMediaType assert something; later drafts take it back.
                continue;
            }

            var options = new JsonSchemaOptions
            {
                Whitespace = JsonWhitespace.Any,

                // Outside these files the suite takes formats as remarks.
                AssertFormats = name.Contains("/optional/format", StringComparison.Ordinal),
            };
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
            foreach (JsonElement group in document.RootElement.EnumerateArray())
            {
                groups++;
                string title = $"{name}: {group.GetProperty("description").GetString()}";
                SchemaMatcher matcher;
                try
                {
                    matcher = SchemaMatcher.Compile(SchemaOf(group, schemaUri), options);
                }
                catch (ConstraintException exception)
                {
                    refused.Add($"refused | {title} | {exception.Keyword ?? exception.Message}");
                    continue;
                }

                compiled++;
                foreach (JsonElement test in group.GetProperty("tests").EnumerateArray())
                {
                    tests++;
                    bool valid = test.GetProperty("valid").GetBoolean();
                    string line = $"{title} | {test.GetProperty("description").GetString()}";
                    if (Allows(matcher, test.GetProperty("data")) == valid)
                    {
                        continue;
                    }

                    if (valid)
                    {
                        unwritten.Add($"not written | {line}");
                    }
                    else
                    {
                        falsePositives.Add(line);
                    }
                }
            }
        }

        return new Outcome(groups, compiled, tests, falsePositives, [.. refused, .. unwritten]);
    }

    private static bool Allows(SchemaMatcher matcher, JsonElement data)
    {
        try
        {
            return matcher.Allows(data);
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair cannot be written.
            return false;
        }
    }

    private static byte[] SchemaOf(JsonElement group, string uri)
    {
        JsonElement schema = group.GetProperty("schema");
        if (schema.ValueKind != JsonValueKind.Object || schema.TryGetProperty("$schema", out _))
        {
            return Encoding.UTF8.GetBytes(schema.GetRawText());
        }

        JsonObject changed = JsonNode.Parse(schema.GetRawText())!.AsObject();
        changed.Insert(0, "$schema", uri);
        return Encoding.UTF8.GetBytes(changed.ToJsonString());
    }
}
