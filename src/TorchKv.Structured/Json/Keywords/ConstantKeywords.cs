using System.Text.Json;
using TorchKv.Structured.Contracts;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Numbers;
using TorchKv.Structured.Json.Values;

namespace TorchKv.Structured.Json.Keywords;

/// <summary>const and enum.</summary>
internal sealed class ConstantKeywords(SchemaMeaning meaning, JsonSchemaOptions options)
{
    private readonly Dictionary<string, Formula> _formulas = new(StringComparer.Ordinal);

    /// <summary>The values that the keywords allow; null: they say nothing.</summary>
    public ValueSet? Read(SchemaNode node)
    {
        ValueSet? values = node.TryGet("const", out JsonElement constant) ? Of(node, "const", [constant]) : null;
        if (!node.TryGet("enum", out JsonElement list))
        {
            return values;
        }

        if (list.ValueKind != JsonValueKind.Array)
        {
            throw SchemaErrors.Wrong(node.Pointer, "enum", "a list of values");
        }

        if (list.GetArrayLength() > options.MaxEnumValues)
        {
            throw SchemaErrors.TooLarge(
                node.Pointer, "enum", $"the list has {list.GetArrayLength()} values", options.MaxEnumValues);
        }

        ValueSet listed = Of(node, "enum", [.. list.EnumerateArray()]);
        return values is null ? listed : meaning.Sets.Intersect(values, listed);
    }

    private ValueSet Of(SchemaNode node, string keyword, JsonElement[] constants)
    {
        var numbers = new List<JsonNumber>();
        var arrays = new List<ArrayShape>();
        var objects = new List<ObjectShape>();
        foreach (JsonElement constant in constants)
        {
            switch (constant.ValueKind)
            {
                case JsonValueKind.Number:
                    numbers.Add(JsonNumber.TryRead(constant, out JsonNumber number)
                        ? number
                        : throw SchemaErrors.TooLarge(
                            node.Pointer, keyword, "a number has too many digits", JsonNumber.MaxDigits));
                    break;
                case JsonValueKind.Array:
                    Formula[] items = [.. constant.EnumerateArray().Select(item => Formula(node, keyword, item))];
                    arrays.Add(new ArrayShape(items, meaning.Formulas.None, items.Length, items.Length, []));
                    break;
                case JsonValueKind.Object:
                    var members = new OrderedDictionary<string, Formula>(StringComparer.Ordinal);
                    foreach (JsonProperty member in constant.EnumerateObject())
                    {
                        members[member.Name] = Formula(node, keyword, member.Value);
                    }

                    var group = new PropertyGroup(
                        [.. members.Select(member => (member.Key, member.Value))], [], meaning.Formulas.None);
                    objects.Add(ObjectShape.Intersect(
                        ObjectShape.Of(group), ObjectShape.Requiring(members.Keys), meaning.Texts.Regexes));
                    break;
                default:
                    break;
            }
        }

        if (arrays.Count > options.MaxAlternatives || objects.Count > options.MaxAlternatives)
        {
            throw SchemaErrors.TooLarge(
                node.Pointer, keyword, "the list has too many arrays or objects", options.MaxAlternatives);
        }

        return meaning.Sets.None with
        {
            Null = constants.Any(constant => constant.ValueKind == JsonValueKind.Null),
            True = constants.Any(constant => constant.ValueKind == JsonValueKind.True),
            False = constants.Any(constant => constant.ValueKind == JsonValueKind.False),
            Numbers = NumberSet.Of([.. numbers.Distinct()]),
            Strings = TextSet.Of(constants.Where(c => c.ValueKind == JsonValueKind.String).Select(c => c.GetString()!)),
            Arrays = arrays,
            Objects = objects,
        };
    }

    private Formula Formula(SchemaNode node, string keyword, JsonElement constant)
    {
        string text = constant.GetRawText();
        if (!_formulas.TryGetValue(text, out Formula? formula))
        {
            formula = meaning.Formulas.Of(Of(node, keyword, [constant]));
            _formulas.Add(text, formula);
        }

        return formula;
    }
}
