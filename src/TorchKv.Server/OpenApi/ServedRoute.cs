using System.Text.Json.Serialization.Metadata;
using TorchKv.Server.Running;

namespace TorchKv.Server.OpenApi;

/// <summary>An endpoint as it is mapped and documented.</summary>
/// <param name="Method">Its HTTP method.</param>
/// <param name="Path">Its path, with names in braces.</param>
/// <param name="Access">What a request to it needs.</param>
/// <param name="Summary">What it does.</param>
internal sealed record ServedRoute(string Method, string Path, EndpointAccess Access, string Summary)
{
    /// <summary>The body that it takes; null: none.</summary>
    public JsonTypeInfo? Body { get; init; }

    /// <summary>The JSON that it answers with; null: text.</summary>
    public JsonTypeInfo? Answer { get; init; }

    /// <summary>The media type of an answer that is no JSON of a known form.</summary>
    public string Media { get; init; } = "application/json";

    /// <summary>The data of its stream's events; null: it has no stream.</summary>
    public JsonTypeInfo? Event { get; init; }

    /// <summary>Whether a path is this endpoint's.</summary>
    public bool Matches(string path)
    {
        var brace = Path.IndexOf('{', StringComparison.Ordinal);
        if (brace < 0)
        {
            return string.Equals(path, Path, StringComparison.OrdinalIgnoreCase);
        }

        // The name in braces may be any text, with slashes too where nothing comes after it.
        var end = Path[(Path.IndexOf('}', StringComparison.Ordinal) + 1)..];
        return path.Length > brace + end.Length
            && path.StartsWith(Path[..brace], StringComparison.OrdinalIgnoreCase)
            && path.EndsWith(end, StringComparison.OrdinalIgnoreCase);
    }
}
