namespace TorchKv.Structured.Json.Values;

/// <summary>What a <see cref="TextSet"/> is.</summary>
internal enum TextSetKind
{
    /// <summary>No string.</summary>
    None,

    /// <summary>Every string.</summary>
    All,

    /// <summary>A list of strings.</summary>
    List,

    /// <summary>An expression over the JSON text of the strings.</summary>
    Expression,
}
