using System.Text.Json;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Values;

namespace TorchKv.Structured.Json.Keywords;

/// <summary>
/// items, prefixItems, additionalItems, minItems, maxItems, contains, minContains, maxContains, uniqueItems,
/// unevaluatedItems.
/// </summary>
internal sealed class ArrayKeywords(SchemaDocument document, SchemaMeaning meaning)
{
    private FormulaFactory Formulas => meaning.Formulas;

    /// <summary>The values that the keywords allow; null: they say nothing.</summary>
    public ValueSet? Read(SchemaNode node)
    {
        (IReadOnlyList<Formula> prefix, Formula rest) = Items(node);
        int min = KeywordValues.Count(node, "minItems") ?? 0;
        int max = KeywordValues.Count(node, "maxItems") ?? int.MaxValue;
        if (node.TryGet("unevaluatedItems", out JsonElement unevaluated))
        {
            Formula value = Formulas.Of(KeywordValues.Schema(document, node, "unevaluatedItems", unevaluated));
            EvaluatedNames evaluated = EvaluatedNames.Of(document, node, "unevaluatedItems");
            if (!evaluated.AllItems && value != Formulas.All)
            {
                prefix = [.. Enumerable.Range(0, Math.Max(evaluated.Items, prefix.Count))
                    .Select(i => i < prefix.Count ? prefix[i] : rest)];
                rest = Formulas.And(rest, value);
            }
        }

        for (int i = 0; i < prefix.Count; i++)
        {
            max = prefix[i] == Formulas.None ? Math.Min(max, i) : max;
        }

        max = rest == Formulas.None ? Math.Min(max, prefix.Count) : max;
        IReadOnlyList<ContainsRule> contains = Contains(node);
        if (node.TryGet("uniqueItems", out JsonElement unique))
        {
            if (unique.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            {
                throw SchemaErrors.Wrong(node.Pointer, "uniqueItems", "true or false");
            }

            if (unique.ValueKind == JsonValueKind.True && max > 1)
            {
                throw SchemaErrors.Unsupported(
                    node.Pointer, "uniqueItems", "a grammar cannot compare items. It may stand where \"maxItems\" is at most 1.");
            }
        }

        if (prefix.Count == 0 && rest == Formulas.All && min == 0 && max == int.MaxValue && contains.Count == 0)
        {
            return null;
        }

        return meaning.Sets.All with
        {
            Arrays = min > max ? [] : [new ArrayShape(prefix, rest, min, max, contains)],
        };
    }

    private (IReadOnlyList<Formula> Prefix, Formula Others) Items(SchemaNode node)
    {
        string list = "prefixItems";
        string others = "items";
        if (node.TryGet("items", out JsonElement items) && items.ValueKind == JsonValueKind.Array)
        {
            (list, others) = ("items", "additionalItems");
        }

        Formula[] prefix = [];
        if (node.TryGet(list, out JsonElement first) && (list == "items" || node.Draft == SchemaDraft.Draft202012))
        {
            if (first.ValueKind != JsonValueKind.Array)
            {
                throw SchemaErrors.Wrong(node.Pointer, list, "a list of schemas");
            }

            prefix = [.. first.EnumerateArray().Select((item, i) =>
                Formulas.Of(KeywordValues.Schema(document, node, $"{list}/{i}", item)))];
        }

        Formula rest = node.TryGet(others, out JsonElement other)
            ? Formulas.Of(KeywordValues.Schema(document, node, others, other))
            : Formulas.All;
        return (prefix, rest);
    }

    private IReadOnlyList<ContainsRule> Contains(SchemaNode node)
    {
        if (!node.TryGet("contains", out JsonElement contains) || node.Draft == SchemaDraft.Draft4)
        {
            return [];
        }

        bool counted = node.Draft >= SchemaDraft.Draft201909;
        int min = (counted ? KeywordValues.Count(node, "minContains") : null) ?? 1;
        int max = (counted ? KeywordValues.Count(node, "maxContains") : null) ?? int.MaxValue;
        Formula item = Formulas.Of(KeywordValues.Schema(document, node, "contains", contains));
        return min == 0 && max == int.MaxValue ? [] : [new ContainsRule(item, 0, min, max)];
    }
}
