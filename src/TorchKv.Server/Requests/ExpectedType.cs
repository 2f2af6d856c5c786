using System.Text.Json.Serialization.Metadata;

namespace TorchKv.Server.Requests;

/// <summary>What a field of a body must be, in words.</summary>
internal static class ExpectedType
{
    /// <summary>The words for a field.</summary>
    /// <param name="type">The body's type.</param>
    /// <param name="path">The field: <c>messages[0].role</c>.</param>
    public static string At(JsonTypeInfo type, string path)
    {
        var current = type;
        foreach (var word in path.Split(['.', '['], StringSplitOptions.RemoveEmptyEntries))
        {
            var next = word[^1] == ']'
                ? current.ElementType
                : current.Properties.FirstOrDefault(property => property.Name == word)?.PropertyType;
            if (next is null)
            {
                return "of another type";
            }

            if (Words(next) is { } words)
            {
                return words;
            }

            current = type.Options.GetTypeInfo(next);
        }

        return current.Kind switch
        {
            JsonTypeInfoKind.Object or JsonTypeInfoKind.Dictionary => "an object",
            JsonTypeInfoKind.Enumerable => "a list",
            _ => "of another type",
        };
    }

    private static string? Words(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type == typeof(int) ? "a whole number of at most 32 bits"
            : type == typeof(long) ? "a whole number of at most 64 bits"
            : type == typeof(double) ? "a number"
            : type == typeof(bool) ? "true or false"
            : type == typeof(string) ? "a text"
            : null;
    }
}
