using System.Text.Json.Nodes;

namespace TorchKv.Testing;

/// <summary>Makes schemas of all supported keywords at random.</summary>
internal sealed class RandomSchemas(Random random)
{
    private static readonly string[] s_names = ["a", "b", "name", "é", "x y", "\"q\"", "n1", "tags"];

    private static readonly string[] s_patterns =
        ["^[a-z]+$", "\\d{2}", "^a|b$", "^(foo|ba[rz])?$", "[^x]", "^\\w+@\\w+\\.com$", "\\n", "^(?!ab)[a-c]{1,3}$", "\"", "é"];

    private static readonly string[] s_formats =
        ["date", "time", "date-time", "email", "uuid", "ipv4", "ipv6", "hostname", "uri", "duration"];

    /// <summary>A schema with a recursive definition that its parts may refer to.</summary>
    public JsonObject Next()
    {
        JsonObject schema = Schema(3);
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
        schema["$defs"] = new JsonObject
        {
            ["list"] = new JsonObject
            {
                ["type"] = "object",
                ["properties"] = new JsonObject
                {
                    ["value"] = new JsonObject { ["type"] = "boolean" },
                    ["next"] = new JsonObject { ["$ref"] = "#/$defs/list" },
                },
                ["required"] = new JsonArray("value"),
                ["additionalProperties"] = false,
            },
            ["tree"] = new JsonObject
            {
                ["type"] = "array",
                ["items"] = new JsonObject { ["$ref"] = "#/$defs/tree" },
                ["maxItems"] = 2,
            },
        };
        return schema;
    }

    private JsonObject Schema(int depth) => random.Next(depth > 0 ? 17 : 8) switch
    {
        0 => new JsonObject { ["type"] = "boolean" },
        1 => Number("integer"),
        2 => Number("number"),
        3 or 4 => Text(),
        5 => new JsonObject { ["enum"] = new JsonArray(Value(1), Value(0), Value(0)) },
        6 => new JsonObject { ["const"] = Value(1) },
        7 => new JsonObject { ["type"] = new JsonArray("null", "integer") },
        8 => new JsonObject { ["$ref"] = random.Next(2) == 0 ? "#/$defs/list" : "#/$defs/tree" },
        9 or 10 => Array(depth - 1),
        11 or 12 or 13 => Object(depth - 1),
        14 => new JsonObject { [random.Next(2) == 0 ? "anyOf" : "oneOf"] = List(depth - 1, random.Next(1, 4)) },
        15 => Both(depth - 1),
        _ => Condition(depth - 1),
    };

    private JsonObject Both(int depth)
    {
        if (random.Next(2) == 0)
        {
            return new JsonObject { ["allOf"] = new JsonArray(Object(depth), Object(depth)) };
        }

        JsonObject schema = Schema(depth);
        schema["not"] = Schema(0);
        return schema;
    }

    private JsonObject Condition(int depth)
    {
        JsonObject schema = Object(depth);
        string name = Name();
        schema["if"] = new JsonObject
        {
            ["properties"] = new JsonObject { [name] = new JsonObject { ["const"] = Value(0) } },
            ["required"] = new JsonArray(name),
        };
        schema["then"] = new JsonObject { ["required"] = new JsonArray(Name()) };
        schema["else"] = new JsonObject { ["maxProperties"] = random.Next(1, 4) };
        return schema;
    }

    private JsonObject Number(string type)
    {
        var schema = new JsonObject { ["type"] = type };
        int low = random.Next(-200, 100);
        if (random.Next(2) == 0)
        {
            schema[random.Next(2) == 0 ? "minimum" : "exclusiveMinimum"] = type == "number" ? low / 8.0 : low;
        }

        if (random.Next(2) == 0)
        {
            schema[random.Next(2) == 0 ? "maximum" : "exclusiveMaximum"] = low + random.Next(2, 500);
        }

        if (random.Next(4) == 0)
        {
            schema["multipleOf"] = random.Next(4) switch { 0 => 10, 1 => 3, 2 => 0.25, _ => 7 };
        }

        return schema;
    }

    private JsonObject Text()
    {
        var schema = new JsonObject { ["type"] = "string" };
        switch (random.Next(4))
        {
            case 0:
                schema["pattern"] = s_patterns[random.Next(s_patterns.Length)];
                break;
            case 1:
                schema["format"] = s_formats[random.Next(s_formats.Length)];
                break;
            case 2:
                int min = random.Next(4);
                schema["minLength"] = min;
                schema["maxLength"] = min + random.Next(6);
                break;
            default:
                break;
        }

        return schema;
    }

    private JsonObject Array(int depth)
    {
        var schema = new JsonObject { ["type"] = "array" };
        if (random.Next(3) > 0)
        {
            schema["items"] = Schema(depth);
        }

        if (random.Next(3) == 0)
        {
            schema["prefixItems"] = List(depth, random.Next(1, 3));
        }

        int min = random.Next(3);
        if (random.Next(2) == 0)
        {
            schema["minItems"] = min;
        }

        if (random.Next(2) == 0)
        {
            schema["maxItems"] = min + random.Next(1, 3);
        }

        if (random.Next(5) == 0)
        {
            schema["contains"] = Schema(0);
            schema["maxContains"] = random.Next(1, 3);
        }

        return schema;
    }

    private JsonObject Object(int depth)
    {
        var properties = new JsonObject();
        for (int i = random.Next(4); i >= 0; i--)
        {
            properties[Name()] = Schema(depth);
        }

        var schema = new JsonObject { ["type"] = "object", ["properties"] = properties };
        string[] required = [.. properties.Select(property => property.Key).Where(_ => random.Next(2) == 0)];
        schema["required"] = new JsonArray([.. required.Select(name => (JsonNode)name)]);
        switch (random.Next(4))
        {
            case 0:
                schema["additionalProperties"] = false;
                break;
            case 1:
                schema["additionalProperties"] = Schema(0);
                break;
            case 2:
                schema["patternProperties"] = new JsonObject { ["^[a-n]"] = Schema(0), ["x$"] = Schema(0) };
                schema["additionalProperties"] = random.Next(2) == 0;
                break;
            default:
                break;
        }

        switch (random.Next(8))
        {
            case 0:
                schema["maxProperties"] = required.Length + random.Next(2);
                break;
            case 1:
                schema["propertyNames"] = new JsonObject { ["maxLength"] = 4 };
                break;
            case 2:
                schema["dependentRequired"] = new JsonObject { [Name()] = new JsonArray(Name()) };
                break;
            case 3:
                schema["minProperties"] = random.Next(1, 3);
                break;
            default:
                break;
        }

        return schema;
    }

    private JsonArray List(int depth, int count) => [.. Enumerable.Range(0, count).Select(_ => Schema(depth))];

    private JsonNode? Value(int depth) => random.Next(depth > 0 ? 7 : 5) switch
    {
        0 => null,
        1 => random.Next(2) == 0,
        2 => random.Next(-20, 20),
        3 => random.Next(-20, 20) / 4.0,
        4 => Name() + "\n\u0001/",
        5 => new JsonArray(Value(0), Value(0)),
        _ => new JsonObject { [Name()] = Value(0) },
    };

    private string Name() => s_names[random.Next(s_names.Length)];
}
