using System.Text.Json;
using System.Text.Json.Nodes;

namespace TorchKv.Benchmarks.Masks;

/// <summary>
/// Writes an instance with the properties of each object in the order of its schema. MaskBench did so with its own
/// instances, but only where the tool that it used could read the schema.
/// </summary>
/// <remarks>
/// Under <c>anyOf</c> and <c>oneOf</c> the order is that of the branches that the instance can belong to: those whose
/// required properties it has and whose constants it repeats.
/// </remarks>
internal sealed class SchemaOrder(JsonElement root)
{
    private const int MaxDepth = 64;

    private static readonly string[] s_choices = ["anyOf", "oneOf"];

    private static readonly string[] s_schemas = ["if", "then", "else"];

    /// <summary>The instance in the order of a schema.</summary>
    public static JsonElement Of(JsonElement schema, JsonElement data)
    {
        var ordered = new SchemaOrder(schema).Apply(data, [schema], 0)?.ToJsonString() ?? "null";
        return JsonDocument.Parse(ordered, new JsonDocumentOptions { MaxDepth = 256 }).RootElement;
    }

    private JsonNode? Apply(JsonElement data, List<JsonElement> schemas, int depth)
    {
        var known = new List<JsonElement>();
        foreach (var schema in schemas)
        {
            AddAll(known, schema, data, 0);
        }

        switch (data.ValueKind)
        {
            case JsonValueKind.Object when depth < MaxDepth:
                var names = known.SelectMany(Names).Distinct(StringComparer.Ordinal).ToList();
                var ordered = new JsonObject();
                foreach (var member in data.EnumerateObject().OrderBy(
                    member => names.IndexOf(member.Name) is >= 0 and var place ? place : int.MaxValue))
                {
                    var under = known.SelectMany(schema => Under(schema, member.Name)).ToList();
                    ordered[member.Name] = Apply(member.Value, under, depth + 1);
                }

                return ordered;
            case JsonValueKind.Array when depth < MaxDepth:
                var items = known.SelectMany(Items).ToList();
                return new JsonArray([.. data.EnumerateArray().Select(item => Apply(item, items, depth + 1))]);
            case JsonValueKind.Null:
                return null;
            default:
                return JsonValue.Create(data);
        }
    }

    // A schema and those that speak of the same value.
    private void AddAll(List<JsonElement> known, JsonElement schema, JsonElement data, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth > MaxDepth || known.Count > 500)
        {
            return;
        }

        known.Add(schema);
        if (Referred(schema) is { } target)
        {
            AddAll(known, target, data, depth + 1);
        }

        foreach (var part in List(schema, "allOf"))
        {
            AddAll(known, part, data, depth + 1);
        }

        foreach (var name in s_choices)
        {
            var branches = List(schema, name);
            var fitting = branches.Where(branch => CanBe(branch, data, depth + 1)).ToList();
            foreach (var branch in fitting.Count > 0 ? fitting : branches)
            {
                AddAll(known, branch, data, depth + 1);
            }
        }

        foreach (var name in s_schemas)
        {
            if (schema.TryGetProperty(name, out var part))
            {
                AddAll(known, part, data, depth + 1);
            }
        }
    }

    // False where a type, a required property or a constant says that the value is none of the schema's.
    private bool CanBe(JsonElement schema, JsonElement data, int depth)
    {
        if (schema.ValueKind != JsonValueKind.Object || depth > MaxDepth)
        {
            return schema.ValueKind != JsonValueKind.False;
        }

        if ((Referred(schema) is { } target && !CanBe(target, data, depth + 1))
            || !List(schema, "allOf").TrueForAll(part => CanBe(part, data, depth + 1))
            || s_choices.Any(name => List(schema, name) is { Count: > 0 } branches
                && !branches.Exists(branch => CanBe(branch, data, depth + 1))))
        {
            return false;
        }

        if ((schema.TryGetProperty("const", out var value) && !JsonElement.DeepEquals(value, data))
            || (List(schema, "enum") is { Count: > 0 } values
                && !values.Exists(one => JsonElement.DeepEquals(one, data)))
            || (schema.TryGetProperty("type", out var type) && !IsOfType(type, data)))
        {
            return false;
        }

        return data.ValueKind != JsonValueKind.Object
            || (List(schema, "required").TrueForAll(name => data.TryGetProperty($"{name}", out _))
                && data.EnumerateObject().All(
                    member => Under(schema, member.Name).All(part => CanBe(part, member.Value, depth + 1))));
    }

    private static bool IsOfType(JsonElement type, JsonElement data) => type.ValueKind == JsonValueKind.Array
        ? type.EnumerateArray().Any(one => IsOfType(one, data))
        : $"{type}" == (data.ValueKind switch
        {
            JsonValueKind.Object => "object",
            JsonValueKind.Array => "array",
            JsonValueKind.String => "string",
            JsonValueKind.True or JsonValueKind.False => "boolean",
            JsonValueKind.Null => "null",
            _ => $"{type}" == "integer" ? "integer" : "number",
        });

    private JsonElement? Referred(JsonElement schema) =>
        schema.TryGetProperty("$ref", out var reference) ? Resolve(reference) : null;

    private static List<JsonElement> List(JsonElement schema, string keyword) =>
        schema.TryGetProperty(keyword, out var list) && list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray()]
            : [];

    private JsonElement? Resolve(JsonElement reference)
    {
        if (reference.ValueKind != JsonValueKind.String || !reference.GetString()!.StartsWith('#'))
        {
            return null;
        }

        var found = root;
        foreach (var part in Uri.UnescapeDataString(reference.GetString()![1..]).Split('/').Skip(1))
        {
            var name = part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (found.ValueKind != JsonValueKind.Object || !found.TryGetProperty(name, out found))
            {
                return null;
            }
        }

        return found;
    }

    private static IEnumerable<string> Names(JsonElement schema)
    {
        var names = schema.TryGetProperty("properties", out var properties)
            && properties.ValueKind == JsonValueKind.Object
            ? properties.EnumerateObject().Select(property => property.Name)
            : [];
        return schema.TryGetProperty("required", out var required) && required.ValueKind == JsonValueKind.Array
            ? names.Concat(required.EnumerateArray().Select(name => $"{name}"))
            : names;
    }

    private static IEnumerable<JsonElement> Under(JsonElement schema, string name)
    {
        if (schema.TryGetProperty("properties", out var properties) && properties.ValueKind == JsonValueKind.Object
            && properties.TryGetProperty(name, out var value))
        {
            return [value];
        }

        var others = schema.TryGetProperty("patternProperties", out var patterns)
            && patterns.ValueKind == JsonValueKind.Object
            ? patterns.EnumerateObject().Select(pattern => pattern.Value)
            : [];
        return schema.TryGetProperty("additionalProperties", out var additional) ? others.Append(additional) : others;
    }

    private static IEnumerable<JsonElement> Items(JsonElement schema) =>
        !schema.TryGetProperty("items", out var items) ? []
            : items.ValueKind == JsonValueKind.Array ? items.EnumerateArray() : [items];
}
