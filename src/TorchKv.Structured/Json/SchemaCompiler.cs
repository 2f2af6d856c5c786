using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Contracts;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Keywords;
using TorchKv.Structured.Json.Texts;
using TorchKv.Structured.Json.Writing;

namespace TorchKv.Structured.Json;

/// <summary>Compiles JSON schemas to grammars.</summary>
internal static class SchemaCompiler
{
    /// <summary>The grammar of the JSON texts that a schema allows, as far as this library writes them.</summary>
    /// <param name="schema">The schema, JSON text in UTF-8.</param>
    /// <param name="options">Whitespace and limits.</param>
    /// <param name="regexes">Makes the terminals.</param>
    /// <param name="budget">The time that is left.</param>
    /// <exception cref="ConstraintException">The schema is wrong, is not supported, or exceeds a limit.</exception>
    public static Grammar Compile(
        ReadOnlyMemory<byte> schema, JsonSchemaOptions options, RegexFactory regexes, WorkBudget budget)
    {
        using JsonDocument json = Parse(schema, options);
        var document = new SchemaDocument(json.RootElement, options);
        var meaning = new SchemaMeaning(document, new JsonText(regexes), options, budget);
        var writer = new SchemaWriter(meaning, new GrammarBuilder(regexes), options, budget.Limits);
        try
        {
            return writer.Write(meaning.Formulas.Of(document.Root));
        }
        catch (ConstraintException exception) when (exception.Pointer is null)
        {
            throw SchemaErrors.Located(exception, document.Root);
        }
    }

    private static JsonDocument Parse(ReadOnlyMemory<byte> schema, JsonSchemaOptions options)
    {
        if (schema.Length > options.MaxSchemaBytes)
        {
            throw SchemaErrors.TooLarge(null, null, $"it has {schema.Length} bytes", options.MaxSchemaBytes);
        }

        try
        {
            CheckStrings(schema.Span, options.MaxDepth);
            return JsonDocument.Parse(schema, new JsonDocumentOptions { MaxDepth = options.MaxDepth });
        }
        catch (JsonException exception)
        {
            throw new ConstraintException(
                $"The schema is not JSON, or is nested deeper than {options.MaxDepth} levels: {exception.Message}");
        }
        catch (InvalidOperationException)
        {
            throw new ConstraintException(
                "The schema has a string that is not Unicode text: a \\u escape is half of a surrogate pair.");
        }
    }

    // Later reads of strings then cannot fail.
    private static void CheckStrings(ReadOnlySpan<byte> schema, int maxDepth)
    {
        if (schema.IndexOf("\\u"u8) < 0 && System.Text.Unicode.Utf8.IsValid(schema))
        {
            return;
        }

        var reader = new Utf8JsonReader(schema, new JsonReaderOptions { MaxDepth = maxDepth });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName)
            {
                reader.GetString();
            }
        }
    }
}
