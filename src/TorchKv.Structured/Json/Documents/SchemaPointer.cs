using System.Text.Json;

namespace TorchKv.Structured.Json.Documents;

/// <summary>JSON pointers (RFC 6901).</summary>
internal static class SchemaPointer
{
    /// <summary>A name as one part of a pointer.</summary>
    public static string Escape(string name) => name.Contains('~') || name.Contains('/')
        ? name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)
        : name;

    /// <summary>Follows a pointer.</summary>
    /// <param name="root">Where it begins.</param>
    /// <param name="pointer">The pointer, "" or "/…", with percent escapes already decoded.</param>
    /// <param name="found">The element there.</param>
    /// <returns>Whether there is one.</returns>
    public static bool TryFollow(JsonElement root, string pointer, out JsonElement found)
    {
        found = root;
        if (pointer.Length == 0)
        {
            return true;
        }

        foreach (string part in pointer[1..].Split('/'))
        {
            string name = part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (found.ValueKind == JsonValueKind.Object)
            {
                if (!found.TryGetProperty(name, out found))
                {
                    return false;
                }
            }
            else if (found.ValueKind == JsonValueKind.Array
                && int.TryParse(name, out int index) && index >= 0 && index < found.GetArrayLength())
            {
                found = found[index];
            }
            else
            {
                return false;
            }
        }

        return true;
    }
}
