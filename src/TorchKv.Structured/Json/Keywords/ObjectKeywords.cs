using System.Text.Json;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Contracts;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Texts;
using TorchKv.Structured.Json.Values;

namespace TorchKv.Structured.Json.Keywords;

/// <summary>
/// properties, patternProperties, additionalProperties, required, minProperties, maxProperties, propertyNames,
/// unevaluatedProperties, dependencies, dependentRequired, dependentSchemas.
/// </summary>
internal sealed class ObjectKeywords(SchemaDocument document, SchemaMeaning meaning)
{
    private readonly StringKeywords _strings = new(meaning.Texts, new JsonSchemaOptions());

    private FormulaFactory Formulas => meaning.Formulas;

    private JsonText Texts => meaning.Texts;

    /// <summary>The values that the keywords allow; null: they say nothing.</summary>
    public ValueSet? Read(SchemaNode node)
    {
        ObjectShape shape = ObjectShape.Any;
        PropertyGroup group = Group(node);
        if (group.Properties.Count + group.Patterns.Count > 0 || group.Additional != Formulas.All)
        {
            shape = With(shape, ObjectShape.Of(group));
        }

        if (node.TryGet("required", out JsonElement required)
            && (node.Draft > SchemaDraft.Draft4 || required.ValueKind == JsonValueKind.Array))
        {
            shape = With(shape, ObjectShape.Requiring(KeywordValues.Strings(node, "required", required)));
        }

        int min = KeywordValues.Count(node, "minProperties") ?? 0;
        int max = KeywordValues.Count(node, "maxProperties") ?? int.MaxValue;
        if (min > 0 || max < int.MaxValue)
        {
            shape = With(shape, new ObjectShape { Min = min, Max = max });
        }

        if (node.TryGet("propertyNames", out JsonElement names) && node.Draft > SchemaDraft.Draft4)
        {
            SchemaNode schema = KeywordValues.Schema(document, node, "propertyNames", names);
            TextSet allowed = meaning.Of(Formulas.Of(schema)).Strings;
            if (allowed.Kind != TextSetKind.All)
            {
                shape = With(shape, new ObjectShape { Names = allowed.ToExpression(Texts) });
            }
        }

        if (node.TryGet("unevaluatedProperties", out JsonElement unevaluated)
            && node.Draft >= SchemaDraft.Draft201909)
        {
            Formula value = Formulas.Of(KeywordValues.Schema(document, node, "unevaluatedProperties", unevaluated));
            EvaluatedNames evaluated = EvaluatedNames.Of(document, node, "unevaluatedProperties");
            if (!evaluated.AllProperties && value != Formulas.All)
            {
                shape = With(shape, ObjectShape.Of(new PropertyGroup(
                    [.. evaluated.Properties.Distinct().Select(name => (name, Formulas.All))],
                    [.. evaluated.Patterns.Select(p => (_strings.Pattern(node, "patternProperties", p), Formulas.All))],
                    value)));
            }
        }

        return ReferenceEquals(shape, ObjectShape.Any) ? null
            : meaning.Sets.All with { Objects = shape.Min > shape.Max ? [] : [shape] };
    }

    /// <summary>What must hold where other properties are there.</summary>
    public IEnumerable<Formula> ReadDependencies(SchemaNode node)
    {
        foreach (string keyword in (string[])["dependencies", "dependentRequired", "dependentSchemas"])
        {
            if (keyword != "dependencies" && node.Draft < SchemaDraft.Draft201909)
            {
                continue;
            }

            foreach ((string name, JsonElement value) in KeywordValues.Members(node, keyword))
            {
                Formula then = value.ValueKind == JsonValueKind.Array && keyword != "dependentSchemas"
                    ? Objects(ObjectShape.Requiring(KeywordValues.Strings(node, keyword, value)))
                    : Formulas.Of(
                        KeywordValues.Schema(document, node, $"{keyword}/{SchemaPointer.Escape(name)}", value));
                Formula absent = Objects(
                    ObjectShape.Of(new PropertyGroup([(name, Formulas.None)], [], Formulas.All)));
                yield return Formulas.Or(absent, Formulas.And(Objects(ObjectShape.Requiring([name])), then));
            }
        }
    }

    private Formula Objects(ObjectShape shape) => Formulas.Of(meaning.Sets.All with { Objects = [shape] });

    private ObjectShape With(ObjectShape a, ObjectShape b) => ObjectShape.Intersect(a, b, Texts.Regexes);

    private PropertyGroup Group(SchemaNode node)
    {
        (string, Formula)[] properties =
        [
            .. KeywordValues.Members(node, "properties").Select(member => (member.Key, Formulas.Of(
                KeywordValues.Schema(document, node, $"properties/{SchemaPointer.Escape(member.Key)}", member.Value)))),
        ];
        var patterns = new List<(RegexNode, Formula)>();
        foreach ((string pattern, JsonElement value) in KeywordValues.Members(node, "patternProperties"))
        {
            string path = $"patternProperties/{SchemaPointer.Escape(pattern)}";
            patterns.Add((
                _strings.Pattern(node, "patternProperties", pattern),
                Formulas.Of(KeywordValues.Schema(document, node, path, value))));
        }

        Formula additional = node.TryGet("additionalProperties", out JsonElement other)
            ? Formulas.Of(KeywordValues.Schema(document, node, "additionalProperties", other))
            : Formulas.All;
        return new PropertyGroup(properties, patterns, additional);
    }
}
