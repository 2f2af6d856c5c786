using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TorchKv.Benchmarks.Masks;

/// <summary>Writes JSON without whitespace and without the escapes that it does not ask for.</summary>
internal static class CompactJson
{
    /// <summary>The text of a value.</summary>
    public static string Of(JsonElement value)
    {
        var text = new StringBuilder();
        Write(text, value);
        return text.ToString();
    }

    private static void Write(StringBuilder text, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                text.Append('{');
                foreach (var (i, member) in value.EnumerateObject().Index())
                {
                    text.Append(i > 0 ? "," : "");
                    Write(text, member.Name);
                    text.Append(':');
                    Write(text, member.Value);
                }

                text.Append('}');
                break;
            case JsonValueKind.Array:
                text.Append('[');
                foreach (var (i, item) in value.EnumerateArray().Index())
                {
                    text.Append(i > 0 ? "," : "");
                    Write(text, item);
                }

                text.Append(']');
                break;
            case JsonValueKind.String:
                Write(text, value.GetString()!);
                break;
            default:
                text.Append(value.GetRawText());
                break;
        }
    }

    private static void Write(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            text.Append(c is '"' or '\\' ? $"\\{c}"
                : c < ' ' ? JsonValue.Create(c.ToString()).ToJsonString()[1..^1]
                : $"{c}");
        }

        text.Append('"');
    }
}
