using System.Text.Json;

namespace TorchKv.Structured.Json.Documents;

/// <summary>One schema inside a document. Two references to the same place give the same object.</summary>
internal sealed class SchemaNode(JsonElement element, string pointer, string baseUri, SchemaDraft draft)
{
    /// <summary>The schema: an object or a boolean.</summary>
    public JsonElement Element { get; } = element;

    /// <summary>Its place, a JSON pointer from the document's root; "" is the root.</summary>
    public string Pointer { get; } = pointer;

    /// <summary>The URI that references in it are relative to.</summary>
    public string BaseUri { get; } = baseUri;

    /// <summary>The edition whose rules it follows.</summary>
    public SchemaDraft Draft { get; } = draft;

    /// <summary>The value of a keyword.</summary>
    public bool TryGet(string keyword, out JsonElement value)
    {
        value = default;
        return Element.ValueKind == JsonValueKind.Object && Element.TryGetProperty(keyword, out value);
    }
}
