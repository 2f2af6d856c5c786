namespace TorchKv.Structured.Json.Documents;

/// <summary>The edition of JSON Schema that a schema names in <c>$schema</c>. Later editions compare greater.</summary>
internal enum SchemaDraft
{
    /// <summary>Draft 4: <c>id</c>, and <c>exclusiveMinimum</c> as a boolean.</summary>
    Draft4,

    /// <summary>Drafts 6 and 7: <c>$ref</c> hides the keywords next to it.</summary>
    Draft7,

    /// <summary>2019-09.</summary>
    Draft201909,

    /// <summary>2020-12, and a schema that names no edition.</summary>
    Draft202012,
}
