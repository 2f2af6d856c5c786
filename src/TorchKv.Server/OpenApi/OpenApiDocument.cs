using System.ComponentModel;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;
using TorchKv.Server.Contracts;
using TorchKv.Server.Running;

namespace TorchKv.Server.OpenApi;

/// <summary>The OpenAPI document, made from the routes and the types that they read and write.</summary>
internal static class OpenApiDocument
{
    /// <summary>The document of some endpoints, as UTF-8.</summary>
    public static byte[] Of(IEnumerable<ServedRoute> routes) =>
        JsonSerializer.SerializeToUtf8Bytes(Make(routes), DocumentJson.Default.JsonObject);

    private static JsonObject Make(IEnumerable<ServedRoute> routes)
    {
        var schemas = new JsonObject();
        var paths = new JsonObject();
        foreach (var group in routes.GroupBy(route => route.Path))
        {
            var path = new JsonObject();
            foreach (var route in group)
            {
                path[route.Method.ToLowerInvariant()] = Operation(route, schemas);
            }

            paths[group.Key] = path;
        }

        return new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject
            {
                ["title"] = "TorchKv",
                ["version"] = "1",
                ["description"] = "OpenAI's interface over a TorchKv engine.",
            },
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["schemas"] = schemas,
                ["securitySchemes"] = new JsonObject
                {
                    ["key"] = new JsonObject { ["type"] = "http", ["scheme"] = "bearer" },
                },
            },
        };
    }

    private static JsonObject Operation(ServedRoute route, JsonObject schemas)
    {
        var operation = new JsonObject
        {
            ["summary"] = route.Summary.TrimEnd('.'),
            ["responses"] = new JsonObject
            {
                ["200"] = new JsonObject { ["description"] = "The answer.", ["content"] = Content(route, schemas) },
                ["default"] = new JsonObject
                {
                    ["description"] = "An error.",
                    ["content"] = new JsonObject
                    {
                        ["application/json"] = Media(
                        ServerJson.Default.ErrorResponse,
                        schemas)
                    },
                },
            },
        };
        if (route.Body is { } body)
        {
            operation["requestBody"] = new JsonObject
            {
                ["required"] = true,
                ["content"] = new JsonObject { ["application/json"] = Media(body, schemas) },
            };
        }

        if (route.Path.Contains("{id}", StringComparison.Ordinal))
        {
            operation["parameters"] = new JsonArray(new JsonObject
            {
                ["name"] = "id",
                ["in"] = "path",
                ["required"] = true,
                ["schema"] = new JsonObject { ["type"] = "string" },
            });
        }

        if (route.Access != EndpointAccess.Open)
        {
            operation["security"] = new JsonArray(new JsonObject { ["key"] = new JsonArray() });
        }

        return operation;
    }

    private static JsonObject Content(ServedRoute route, JsonObject schemas)
    {
        var content = new JsonObject();
        if (route.Answer is { } answer)
        {
            content["application/json"] = Media(answer, schemas);
        }
        else
        {
            var type = route.Media == "application/json" ? "object" : "string";
            content[route.Media] = new JsonObject { ["schema"] = new JsonObject { ["type"] = type } };
        }

        if (route.Event is { } data)
        {
            content["text/event-stream"] = Media(data, schemas);
        }

        return content;
    }

    private static JsonObject Media(JsonTypeInfo type, JsonObject schemas)
    {
        var name = type.Kind == JsonTypeInfoKind.Enumerable ? type.ElementType!.Name + "List" : type.Type.Name;
        if (!schemas.ContainsKey(name))
        {
            schemas[name] = type.GetJsonSchemaAsNode(new JsonSchemaExporterOptions
            {
                TreatNullObliviousAsNonNullable = true,
                TransformSchemaNode = Describe,
            });
        }

        return new JsonObject { ["schema"] = new JsonObject { ["$ref"] = $"#/components/schemas/{name}" } };
    }

    private static JsonNode Describe(JsonSchemaExporterContext context, JsonNode schema)
    {
        if (context.TypeInfo.Type == typeof(ChunkUsage))
        {
            schema = context.TypeInfo.Options.GetTypeInfo(typeof(UsageInfo)).GetJsonSchemaAsNode();
        }

        var description = context.PropertyInfo?.AttributeProvider?.GetCustomAttributes(
            typeof(DescriptionAttribute),
            inherit: true)
            .OfType<DescriptionAttribute>()
            .FirstOrDefault()?.Description;
        if (description is null)
        {
            return schema;
        }

        // A schema that takes anything is the constant true.
        if (schema is not JsonObject described)
        {
            described = [];
        }

        described["description"] = description;
        return described;
    }
}
