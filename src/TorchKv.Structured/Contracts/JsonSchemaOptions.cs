namespace TorchKv.Structured.Contracts;

/// <summary>How a JSON constraint writes, and how large a schema may be.</summary>
public sealed record JsonSchemaOptions
{
    /// <summary>The whitespace between tokens. Default: none.</summary>
    public JsonWhitespace Whitespace { get; init; }

    /// <summary>
    /// Whether the formats of the standard are asserted. False: <c>format</c> is a remark. Default: true.
    /// </summary>
    public bool AssertFormats { get; init; } = true;

    /// <summary>The order of an object's properties. Default: that of the schema.</summary>
    public JsonPropertyOrder PropertyOrder { get; init; }

    /// <summary>The longest schema, in UTF-8 bytes.</summary>
    public int MaxSchemaBytes { get; init; } = 1 << 20;

    /// <summary>The deepest nesting of the schema's own JSON text, and of its references.</summary>
    public int MaxDepth { get; init; } = 128;

    /// <summary>The most schemas in a document.</summary>
    public int MaxSchemas { get; init; } = 20_000;

    /// <summary>The most values of one <c>enum</c>.</summary>
    public int MaxEnumValues { get; init; } = 5_000;

    /// <summary>
    /// The most alternatives that one schema may come to, once <c>anyOf</c>, <c>oneOf</c>, <c>not</c> and <c>if</c>
    /// have been multiplied out.
    /// </summary>
    public int MaxAlternatives { get; init; } = 512;
}
