using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Structured;
using TorchKv.Structured.Contracts;

namespace TorchKv.Server.Requests;

/// <summary>
/// The fields that say which texts an answer may be: OpenAI's <c>response_format</c>, vLLM's <c>structured_outputs</c>
/// and its older <c>guided_*</c>. A request may use one of them.
/// </summary>
internal static class AnswerFormats
{
    private const string Outputs = "structured_outputs";

    private static readonly string[] s_kinds = ["json", "regex", "choice", "grammar", "json_object"];

    private static readonly JsonElement s_true = JsonElement.Parse("true");

    private static readonly string[] s_settings =
    [
        "disable_fallback", "disable_any_whitespace", "disable_additional_properties", "whitespace_pattern",
        "whitespace",
    ];

    /// <summary>What a request's answers may be; null: any text.</summary>
    /// <exception cref="ApiException">A field has a value that it cannot have, or two fields ask for
    /// something.</exception>
    public static TokenConstraint? Of(GenerationFields fields)
    {
        (string Name, TokenConstraint? Constraint)[] asked =
        [
            ("response_format", OfFormat(fields.ResponseFormat, "response_format", "json_schema")),
            (Outputs, OfOutputs(fields.StructuredOutputs)),
            .. Guided("json", fields.GuidedJson),
            .. Guided("regex", fields.GuidedRegex),
            .. Guided("choice", fields.GuidedChoice),
            .. Guided("grammar", fields.GuidedGrammar),
        ];
        var set = asked.Where(field => field.Constraint is not null).ToArray();
        return set.Length <= 1
            ? set.FirstOrDefault().Constraint
            : throw ApiException.Invalid(
                set[1].Name, $"{set[1].Name} and {set[0].Name} are both set; an answer can have one form.");
    }

    /// <summary>What a format asks for; null: any text.</summary>
    /// <param name="format">The format: an object with a type.</param>
    /// <param name="param">Its field.</param>
    /// <param name="inside">The member that has the schema's settings; null: the format itself has them.</param>
    /// <exception cref="ApiException">The format is not what it must be.</exception>
    public static TokenConstraint? OfFormat(JsonElement? format, string param, string? inside)
    {
        if (JsonFields.IsNull(format))
        {
            return null;
        }

        switch (JsonFields.Named(format, "type"))
        {
            case "text":
                return null;
            case "json_object":
                return OfKind("json_object", s_true, param, isFlexible: false);
            case "json_schema":
                var settings = format!.Value;
                if (inside is not null)
                {
                    param = $"{param}.{inside}";
                    settings = settings.TryGetProperty(inside, out var found) && found.ValueKind == JsonValueKind.Object
                        ? found
                        : throw ApiException.Invalid(param, $"{param} must be an object.", "missing_field");
                }

                if (settings.TryGetProperty("strict", out var strict)
                    && strict.ValueKind is not (JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null))
                {
                    throw ApiException.Invalid(
                        $"{param}.strict", $"{param}.strict must be true or false.", "invalid_type");
                }

                return settings.TryGetProperty("schema", out var schema)
                    ? OfKind("json", schema, $"{param}.schema", isFlexible: false)
                    : throw ApiException.Invalid($"{param}.schema", $"{param}.schema is missing.", "missing_field");
            default:
                throw ApiException.Invalid(
                    param, $"{param} must be of the type text, json_object or json_schema.", "unsupported_value");
        }
    }

    private static TokenConstraint? OfOutputs(JsonElement? field)
    {
        if (JsonFields.IsEmpty(field))
        {
            return null;
        }

        var outputs = field!.Value;
        if (outputs.ValueKind != JsonValueKind.Object)
        {
            throw ApiException.Invalid(Outputs, $"{Outputs} must be an object.", "invalid_type");
        }

        foreach (var member in outputs.EnumerateObject())
        {
            if (!s_kinds.Contains(member.Name) && !s_settings.Contains(member.Name)
                && !JsonFields.IsEmpty(member.Value))
            {
                throw ApiException.Invalid(
                    $"{Outputs}.{member.Name}",
                    $"{Outputs} takes one of {string.Join(", ", s_kinds)}, not {member.Name}.",
                    "unsupported_value");
            }
        }

        FieldRules.RefuseIf(IsSet("disable_additional_properties"),
            $"{Outputs}.disable_additional_properties", "false");
        FieldRules.RefuseIf(IsSet("whitespace_pattern"), $"{Outputs}.whitespace_pattern", "left out");
        var isFlexible = JsonFields.Named(outputs, "whitespace") switch
        {
            null or "compact" => false,
            "flexible" => true,
            _ => throw ApiException.Invalid(
                $"{Outputs}.whitespace", $"{Outputs}.whitespace must be compact or flexible."),
        };
        var set = s_kinds.Where(IsSet).ToArray();
        return set.Length == 1
            ? OfKind(set[0], outputs.GetProperty(set[0]), $"{Outputs}.{set[0]}", isFlexible)
            : throw ApiException.Invalid(
                Outputs, $"{Outputs} must have exactly one of {string.Join(", ", s_kinds)}; it has {set.Length}.");

        bool IsSet(string name) => outputs.TryGetProperty(name, out var value)
            && !(name == "json" ? JsonFields.IsNull(value) : JsonFields.IsEmpty(value));
    }

    private static IEnumerable<(string Name, TokenConstraint? Constraint)> Guided(string kind, JsonElement? field)
        => (kind == "json" ? JsonFields.IsNull(field) : JsonFields.IsEmpty(field))
            ? []
            : [($"guided_{kind}", OfKind(kind, field!.Value, $"guided_{kind}", isFlexible: false))];

    /// <summary>The constraint that a value asks for.</summary>
    /// <param name="kind">json, json_object, regex, choice or grammar.</param>
    /// <param name="value">The value.</param>
    /// <param name="param">Its field.</param>
    /// <param name="isFlexible">Whether whitespace may stand between the parts of JSON.</param>
    /// <exception cref="ApiException">The value is not what it must be.</exception>
    public static TokenConstraint OfKind(string kind, JsonElement value, string param, bool isFlexible)
    {
        var options = new JsonSchemaOptions
        {
            Whitespace = isFlexible ? JsonWhitespace.Flexible : JsonWhitespace.Compact,
        };
        var constraint = kind switch
        {
            "json" => Schema(value, param, options),
            "json_object" => value.ValueKind == JsonValueKind.True
                ? TokenConstraint.JsonObject(options)
                : throw ApiException.Invalid(param, $"{param} must be true or false.", "invalid_type"),
            "regex" => TokenConstraint.Regex(JsonFields.Text(value, param)),
            "grammar" => TokenConstraint.Grammar(JsonFields.Text(value, param)),
            _ => value.ValueKind == JsonValueKind.Array
                ? TokenConstraint.Choice(JsonFields.Texts(value, param))
                : throw ApiException.Invalid(param, $"{param} must be a list of texts.", "invalid_type"),
        };
        return new NamedConstraint(param, kind, value, isFlexible, constraint);
    }

    // vLLM takes a schema as an object or as its text.
    private static TokenConstraint Schema(JsonElement schema, string param, JsonSchemaOptions options) =>
        schema.ValueKind switch
        {
            JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False =>
                TokenConstraint.JsonSchema(schema, options),
            JsonValueKind.String => TokenConstraint.JsonSchema(JsonFields.Text(schema, param), options),
            _ => throw ApiException.Invalid(param, $"{param} must be a JSON schema: an object.", "invalid_type"),
        };
}
