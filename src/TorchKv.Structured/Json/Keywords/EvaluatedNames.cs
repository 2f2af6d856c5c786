using System.Text.Json;
using TorchKv.Structured.Json.Documents;

namespace TorchKv.Structured.Json.Keywords;

/// <summary>
/// The properties and items that the keywords of a schema have looked at, for <c>unevaluatedProperties</c> and
/// <c>unevaluatedItems</c>. Only where it is the same for every value.
/// </summary>
internal sealed class EvaluatedNames
{
    // Keywords that look at more or fewer properties and items, depending on the value.
    private static readonly string[] s_conditional =
        ["anyOf", "oneOf", "if", "then", "else", "dependentSchemas", "dependencies", "contains", "$dynamicRef"];

    /// <summary>Whether all properties have been looked at.</summary>
    public bool AllProperties { get; private set; }

    /// <summary>Whether all items have been looked at.</summary>
    public bool AllItems { get; private set; }

    /// <summary>The number of items that have been looked at.</summary>
    public int Items { get; private set; }

    /// <summary>Properties that have been looked at.</summary>
    public List<string> Properties { get; } = [];

    /// <summary>Patterns of properties that have been looked at.</summary>
    public List<string> Patterns { get; } = [];

    /// <summary>What the keywords next to a keyword have looked at.</summary>
    /// <exception cref="Runtime.Contracts.ConstraintException">It depends on the value.</exception>
    public static EvaluatedNames Of(SchemaDocument document, SchemaNode node, string keyword)
    {
        var names = new EvaluatedNames();
        names.Add(document, node, node, keyword, []);
        return names;
    }

    private void Add(
        SchemaDocument document, SchemaNode top, SchemaNode node, string keyword, HashSet<SchemaNode> seen)
    {
        if (node.Element.ValueKind != JsonValueKind.Object || !seen.Add(node))
        {
            return;
        }

        if (s_conditional.FirstOrDefault(name => node.TryGet(name, out _)) is { } conditional)
        {
            throw SchemaErrors.Unsupported(
                top.Pointer, keyword, $"with \"{conditional}\" at '#{node.Pointer}' it depends on the value what is left.");
        }

        Properties.AddRange(KeywordValues.Members(node, "properties").Select(member => member.Key));
        Patterns.AddRange(KeywordValues.Members(node, "patternProperties").Select(member => member.Key));
        AllProperties |= node.TryGet("additionalProperties", out _)
            || (node != top && node.TryGet("unevaluatedProperties", out _));
        AllItems |= node.TryGet("additionalItems", out _) || (node != top && node.TryGet("unevaluatedItems", out _));
        if (node.TryGet("items", out JsonElement items))
        {
            AllItems |= items.ValueKind != JsonValueKind.Array;
            Items = items.ValueKind == JsonValueKind.Array ? Math.Max(Items, items.GetArrayLength()) : Items;
        }

        if (node.TryGet("prefixItems", out JsonElement prefix) && prefix.ValueKind == JsonValueKind.Array)
        {
            Items = Math.Max(Items, prefix.GetArrayLength());
        }

        if (node.TryGet("$ref", out JsonElement reference) && reference.ValueKind == JsonValueKind.String)
        {
            Add(document, top, document.Resolve(node, "$ref", reference.GetString()!), keyword, seen);
        }

        if (node.TryGet("allOf", out JsonElement all) && all.ValueKind == JsonValueKind.Array)
        {
            int index = 0;
            foreach (JsonElement part in all.EnumerateArray())
            {
                Add(document, top, KeywordValues.Schema(document, node, $"allOf/{index++}", part), keyword, seen);
            }
        }
    }
}
