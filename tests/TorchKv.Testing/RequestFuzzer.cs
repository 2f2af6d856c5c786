using System.Text;
using System.Text.Json.Nodes;

namespace TorchKv.Testing;

/// <summary>
/// Bodies for the server's endpoints: known fields with values of every kind, sometimes cut or damaged.
/// </summary>
/// <param name="openApi">The server's description, which names the fields.</param>
internal sealed class RequestFuzzer(string openApi)
{
    private static readonly string[] s_paths =
    [
        "/v1/completions", "/v1/chat/completions", "/v1/responses", "/tokenize", "/detokenize",
        "/v1/completions/render", "/v1/chat/completions/render",
    ];

    private static readonly string[] s_values =
    [
        "null", "true", "false", "0", "1", "-1", "3", "0.5", "1e999", "-1e999", "99999999999999999999",
        "2147483648", "1e-300", "\"\"", "\"x\"", "\"\\ud800\"",
        "\"text\"", "\"auto\"", "\"user\"", "\"<|endoftext|>\"", "[]", "{}", "[[]]", "[{}]", "[null]", "[1,2,3]",
        "[[1],[2]]", "[4096]", "[-1]", "[1.5]", "[\"a\",\"b\"]",
        "[\"a\",[1]]", "{\"1\":2}", "{\"x\":1}", "{\"5\":1e999}", "{\"type\":\"text\"}",
        "{\"type\":\"json_schema\"}", "{\"include_usage\":true}",
        "[{\"role\":\"user\",\"content\":\"hi\"}]",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]", "[{\"role\":5}]",
        "[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a\"}]}]",
        "\"\u0000\"", "\"\\u0000\"", "\"🦊\"", "[[[[[[]]]]]]",
    ];

    private readonly string[] _fields =
    [
        .. JsonNode.Parse(openApi)!["components"]!["schemas"]!.AsObject()
            .Where(schema => schema.Key.EndsWith("Request", StringComparison.Ordinal))
            .SelectMany(schema => schema.Value!["properties"]!.AsObject().Select(field => field.Key))
            .Append("frobnicate")
            .Distinct(),
    ];

    /// <summary>A path and a body for it; the model is called "m".</summary>
    public (string Path, byte[] Body) Next(Random random)
    {
        var path = s_paths[random.Next(s_paths.Length)];
        var text = new StringBuilder("{\"model\":\"m\",").Append(Prompt(path));
        for (var more = random.Next(7); more > 0; more--)
        {
            text.Append($",\"{_fields[random.Next(_fields.Length)]}\":{s_values[random.Next(s_values.Length)]}");
        }

        var bytes = Encoding.UTF8.GetBytes(text.Append('}').ToString());
        switch (random.Next(10))
        {
            case 0:
                return (path, bytes[..random.Next(bytes.Length)]);
            case 1:
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                return (path, bytes);
            default:
                return (path, bytes);
        }
    }

    private static string Prompt(string path) => path switch
    {
        "/v1/responses" => "\"input\":\"hi\",\"max_output_tokens\":2",
        "/tokenize" => "\"prompt\":\"hi\"",
        "/detokenize" => "\"tokens\":[1,2]",
        _ => path.Contains("chat", StringComparison.Ordinal)
            ? "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":2"
            : "\"prompt\":\"hi\",\"max_tokens\":2",
    };
}
