using TorchKv.Runtime.Contracts;

namespace TorchKv.Structured.Json.Documents;

/// <summary>The exceptions of the schema compiler. Each names the place, the keyword and what would be right.</summary>
internal static class SchemaErrors
{
    // The keywords that multiply alternatives or bounds, those first that do it most.
    private static readonly string[] s_joining =
    [
        "oneOf", "not", "if", "anyOf", "allOf", "dependencies", "dependentSchemas", "dependentRequired", "multipleOf",
        "minimum", "maximum", "patternProperties", "properties", "$ref",
    ];

    /// <summary>A keyword whose meaning a grammar cannot hold, or that this library does not support.</summary>
    public static ConstraintException Unsupported(string pointer, string keyword, string why) =>
        new($"The schema at '#{pointer}' uses \"{keyword}\", which is not supported: {why}",
            Join(pointer, keyword), keyword);

    /// <summary>A keyword whose value is not what JSON Schema asks for.</summary>
    public static ConstraintException Wrong(string pointer, string keyword, string expected) =>
        new($"The schema at '#{pointer}' is wrong: \"{keyword}\" must be {expected}.", Join(pointer, keyword), keyword);

    /// <summary>A limit that the schema exceeds.</summary>
    public static ConstraintException TooLarge(string? pointer, string? keyword, string what, long limit) =>
        new(
            $"The schema is too large{(pointer is null ? "" : $" at '#{pointer}'")}: {what}; the limit is {limit}.",
            pointer is null ? null : keyword is null ? "#" + pointer : Join(pointer, keyword),
            keyword);

    /// <summary>The same exception with the place of the schema in which it came up.</summary>
    public static ConstraintException Located(ConstraintException exception, SchemaNode node)
    {
        string? keyword = exception.Keyword ?? s_joining.FirstOrDefault(name => node.TryGet(name, out _));
        string place = keyword is not null && node.TryGet(keyword, out _)
            ? Join(node.Pointer, keyword)
            : "#" + node.Pointer;
        return new ConstraintException($"At '{place}': {exception.Message}", place, keyword);
    }

    private static string Join(string pointer, string keyword) => $"#{pointer}/{SchemaPointer.Escape(keyword)}";
}
