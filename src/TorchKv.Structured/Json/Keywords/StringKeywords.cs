using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Contracts;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Texts;
using TorchKv.Structured.Json.Values;

namespace TorchKv.Structured.Json.Keywords;

/// <summary>minLength, maxLength, pattern, format.</summary>
internal sealed class StringKeywords(JsonText texts, JsonSchemaOptions options)
{
    private readonly Dictionary<string, RegexNode> _patterns = new(StringComparer.Ordinal);
    private readonly StringFormats _formats = new(texts);

    /// <summary>The strings that the keywords allow; null: they say nothing.</summary>
    public TextSet? Read(SchemaNode node)
    {
        var parts = new List<RegexNode>();
        int min = KeywordValues.Count(node, "minLength") ?? 0;
        int max = KeywordValues.Count(node, "maxLength") ?? int.MaxValue;
        if (min > 0 || max < int.MaxValue)
        {
            parts.Add(texts.Regexes.Repeat(texts.AnyCharacter, min, max));
        }

        if (node.TryGet("pattern", out JsonElement pattern))
        {
            parts.Add(pattern.ValueKind == JsonValueKind.String
                ? Pattern(node, "pattern", pattern.GetString()!)
                : throw SchemaErrors.Wrong(node.Pointer, "pattern", "a string"));
        }

        if (node.TryGet("format", out JsonElement format))
        {
            string name = format.ValueKind == JsonValueKind.String
                ? format.GetString()!
                : throw SchemaErrors.Wrong(node.Pointer, "format", "a string");
            if (options.AssertFormats && _formats.Find(node, name) is { } expression)
            {
                parts.Add(expression);
            }
        }

        return parts.Count == 0 ? null : TextSet.Of(texts.Regexes.And([.. parts]), texts);
    }

    /// <summary>The strings that a pattern matches somewhere, as JSON text without the quotes.</summary>
    public RegexNode Pattern(SchemaNode node, string keyword, string pattern)
    {
        if (!_patterns.TryGetValue(pattern, out RegexNode? expression))
        {
            try
            {
                expression = SchemaPattern.Compile(texts, pattern);
            }
            catch (ConstraintException exception) when (exception.Keyword is not ("compile time" or "regex nodes"))
            {
                string place = $"#{node.Pointer}/{keyword}";
                throw new ConstraintException($"The pattern at '{place}': {exception.Message}", place, keyword);
            }

            _patterns.Add(pattern, expression);
        }

        return expression;
    }
}
