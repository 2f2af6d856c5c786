using System.Text;
using System.Text.Json;

namespace TorchKv.PortChecking.Traces;

/// <summary>
/// Reads JSON as Python's json module writes it: with the numbers NaN, Infinity and -Infinity, which JSON does not
/// have.
/// </summary>
internal static class PythonJson
{
    // The longest first, because the second is the end of the first.
    private static readonly string[] s_numbers = ["-Infinity", "Infinity", "NaN"];

    /// <summary>Reads a text. The three numbers become strings.</summary>
    /// <exception cref="JsonException">The text is not JSON.</exception>
    public static JsonElement Parse(string text)
    {
        using var document = JsonDocument.Parse(Quote(text));
        return document.RootElement.Clone();
    }

    /// <summary>The number that an element is, or that its string stands for; null where it is no number.</summary>
    public static double? Number(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Number when element.TryGetDouble(out var value) => value,
        JsonValueKind.String => element.GetString() switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            _ => null,
        },
        _ => null,
    };

    // Puts the three numbers in quotation marks where they are not within a string.
    private static string Quote(string text)
    {
        if (!text.Contains("NaN", StringComparison.Ordinal) && !text.Contains("Infinity", StringComparison.Ordinal))
        {
            return text;
        }

        var quoted = new StringBuilder(text.Length + 64);
        var isInString = false;
        for (var i = 0; i < text.Length; i++)
        {
            if (!isInString && Array.Find(s_numbers, name => text.AsSpan(i).StartsWith(name)) is { } number)
            {
                quoted.Append('"').Append(number).Append('"');
                i += number.Length - 1;
                continue;
            }

            quoted.Append(text[i]);
            if (isInString && text[i] == '\\' && i + 1 < text.Length)
            {
                quoted.Append(text[++i]);
            }
            else if (text[i] == '"')
            {
                isInString = !isInString;
            }
        }

        return quoted.ToString();
    }
}
