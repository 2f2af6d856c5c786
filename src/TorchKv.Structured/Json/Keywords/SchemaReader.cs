using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Contracts;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Numbers;
using TorchKv.Structured.Json.Values;

namespace TorchKv.Structured.Json.Keywords;

/// <summary>Works out which values one schema allows, keyword by keyword.</summary>
internal sealed class SchemaReader
{
    private static readonly Dictionary<string, string> s_refused = new(StringComparer.Ordinal)
    {
        ["$dynamicRef"] = "use \"$ref\".",
        ["$recursiveRef"] = "use \"$ref\".",
        ["contentSchema"] = "the text of a string is no JSON here.",
    };

    private readonly SchemaDocument _document;
    private readonly SchemaMeaning _meaning;
    private readonly ObjectKeywords _objects;
    private readonly ArrayKeywords _arrays;
    private readonly StringKeywords _strings;
    private readonly ConstantKeywords _constants;
    private readonly BranchKeywords _branches;

    public SchemaReader(SchemaDocument document, SchemaMeaning meaning, JsonSchemaOptions options)
    {
        _document = document;
        _meaning = meaning;
        _objects = new ObjectKeywords(document, meaning);
        _arrays = new ArrayKeywords(document, meaning);
        _strings = new StringKeywords(meaning.Texts, options);
        _constants = new ConstantKeywords(meaning, options);
        _branches = new BranchKeywords(document, meaning);
    }

    private ValueSets Sets => _meaning.Sets;

    /// <summary>The values that a schema allows.</summary>
    /// <exception cref="ConstraintException">It is wrong, is not supported, or exceeds a limit.</exception>
    public ValueSet Read(SchemaNode node)
    {
        switch (node.Element.ValueKind)
        {
            case JsonValueKind.True:
                return Sets.All;
            case JsonValueKind.False:
                return Sets.None;
            case JsonValueKind.Object:
                break;
            default:
                throw new ConstraintException(
                    $"The schema at '#{node.Pointer}' must be an object or a boolean, not {node.Element.ValueKind}.",
                    "#" + node.Pointer);
        }

        if (node.Draft <= SchemaDraft.Draft7 && node.TryGet("$ref", out _))
        {
            return Reference(node);
        }

        foreach ((string keyword, string why) in s_refused)
        {
            if (node.TryGet(keyword, out _))
            {
                throw SchemaErrors.Unsupported(node.Pointer, keyword, why);
            }
        }

        ValueSet values = Typed(node);
        values = With(values, _constants.Read(node));
        values = With(values, _objects.Read(node));
        values = With(values, _arrays.Read(node));
        if (_strings.Read(node) is { } strings)
        {
            values = Sets.Intersect(values, Sets.All with { Strings = strings });
        }

        if (NumberKeywords.Read(node) is { } numbers)
        {
            values = Sets.Intersect(values, Sets.All with { Numbers = numbers });
        }

        if (node.TryGet("$ref", out _))
        {
            values = Sets.Intersect(values, Reference(node));
        }

        foreach (Formula formula in _branches.Read(node))
        {
            values = Sets.Intersect(values, _meaning.Of(formula));
        }

        foreach (Formula formula in _objects.ReadDependencies(node))
        {
            values = Sets.Intersect(values, _meaning.Of(formula));
        }

        return values;
    }

    private ValueSet With(ValueSet values, ValueSet? more) => more is null ? values : Sets.Intersect(values, more);

    private ValueSet Reference(SchemaNode node)
    {
        string reference = node.TryGet("$ref", out JsonElement named) && named.ValueKind == JsonValueKind.String
            ? named.GetString()!
            : throw SchemaErrors.Wrong(node.Pointer, "$ref", "a string");
        return _meaning.Of(_meaning.Formulas.Of(_document.Resolve(node, "$ref", reference)));
    }

    private ValueSet Typed(SchemaNode node)
    {
        if (!node.TryGet("type", out JsonElement type))
        {
            return Sets.All;
        }

        if (type.ValueKind != JsonValueKind.Array)
        {
            return OfType(node, type);
        }

        return type.EnumerateArray().Select(name => OfType(node, name)).Aggregate(Sets.None, Sets.Union);
    }

    private ValueSet OfType(SchemaNode node, JsonElement type) =>
        (type.ValueKind == JsonValueKind.String ? type.GetString() : null) switch
        {
            "null" => Sets.None with { Null = true },
            "boolean" => Sets.None with { True = true, False = true },
            "integer" => Sets.None with { Numbers = NumberSet.Integers },
            "number" => Sets.None with { Numbers = NumberSet.All },
            "string" => Sets.None with { Strings = TextSet.All },
            "array" => Sets.None with { Arrays = Sets.All.Arrays },
            "object" => Sets.None with { Objects = Sets.All.Objects },
            _ => throw SchemaErrors.Wrong(
                node.Pointer, "type", "\"null\", \"boolean\", \"integer\", \"number\", \"string\", \"array\", \"object\", "
                    + "or a list of these"),
        };
}
