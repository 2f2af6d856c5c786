using System.Text.Json;

namespace TorchKv.PortChecking.Traces;

/// <summary>Reads what a trace says about itself.</summary>
internal static class TraceMetadata
{
    public static IReadOnlyList<TraceKey> Order(string name, IReadOnlyDictionary<string, string> metadata, IReadOnlyCollection<string> tensors)
    {
        if (!metadata.TryGetValue("order", out var text))
        {
            throw new TraceException($"{name} is not a trace: its metadata has no \"order\". tools/trace.py and ModuleTrace write traces.");
        }

        var known = tensors.ToHashSet();
        var order = new List<TraceKey>();
        foreach (var item in Elements(name, "order", text))
        {
            var key = item.ValueKind == JsonValueKind.String ? item.GetString()! : throw new TraceException($"{name}: \"order\" holds {item}, which is no key.");
            if (!known.Remove(key))
            {
                throw new TraceException($"{name}: \"order\" names {key}, which is not in the file or is named twice.");
            }

            order.Add(TraceKey.TryParse(key) ?? throw new TraceException($"{name}: {key} is not STEP.MODULE."));
        }

        return known.Count == 0 ? order : throw new TraceException($"{name}: \"order\" does not name {known.Order(StringComparer.Ordinal).First()}.");
    }

    public static IReadOnlyList<long[][]?> Steps(string name, IReadOnlyDictionary<string, string> metadata)
    {
        if (!metadata.TryGetValue("steps", out var text))
        {
            return [];
        }

        return [.. Elements(name, "steps", text).Select(step => step.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.Array when step.GetArrayLength() > 0 && step[0].ValueKind == JsonValueKind.Array => step.EnumerateArray().Select(Ids).ToArray(),
            JsonValueKind.Array => [Ids(step)],
            _ => throw new TraceException($"{name}: \"steps\" holds {step}, which is neither ids nor rows of ids."),
        })];

        long[] Ids(JsonElement row)
        {
            if (row.ValueKind != JsonValueKind.Array)
            {
                throw new TraceException($"{name}: \"steps\" holds {row} where a row of ids should be.");
            }

            return [.. row.EnumerateArray().Select(id => id.ValueKind == JsonValueKind.Number && id.TryGetInt64(out var value)
                ? value : throw new TraceException($"{name}: \"steps\" holds {id}, which is no id."))];
        }
    }

    public static TraceFacts Facts(string name, IReadOnlyDictionary<string, string> metadata)
    {
        var facts = new TraceFacts { Training = metadata.GetValueOrDefault("training") == "true" };
        using var config = Parse(name, "config", metadata.GetValueOrDefault("config", "{}"));
        if (config.RootElement.ValueKind == JsonValueKind.Object)
        {
            facts.Heads = Number("n_heads", "n_head", "num_attention_heads", "num_heads");
            facts.Width = Number("emb_dim", "n_embd", "hidden_size", "d_model");
            facts.HeadDim = Number("head_dim") ?? (facts is { Heads: > 0, Width: > 0 } ? facts.Width / facts.Heads : null);
        }

        foreach (var (module, about) in Members("modules"))
        {
            if (about.ValueKind == JsonValueKind.Object && about.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String)
            {
                facts.Types[module] = type.GetString()!;
            }
        }

        foreach (var (parameter, about) in Members("parameters"))
        {
            if (about.ValueKind == JsonValueKind.Object && about.TryGetProperty("sum", out var sum) && sum.ValueKind == JsonValueKind.Number
                && about.TryGetProperty("norm", out var norm) && norm.ValueKind == JsonValueKind.Number)
            {
                facts.Parameters[parameter] = (sum.GetDouble(), norm.GetDouble());
            }
        }

        foreach (var (key, shape) in Members("sampled"))
        {
            if (shape.ValueKind == JsonValueKind.Array)
            {
                facts.Sampled[key] = [.. shape.EnumerateArray().Select(size => size.ValueKind == JsonValueKind.Number && size.TryGetInt32(out var value) && value >= 0
                    ? value : throw new TraceException($"{name}: \"sampled\" has no shape for {key}."))];
            }
        }

        _ = int.TryParse(metadata.GetValueOrDefault("max_elements"), out var limit);
        facts.MaxElements = limit;
        return facts;

        int? Number(params string[] names)
        {
            foreach (var key in names)
            {
                if (config.RootElement.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number > 0)
                {
                    return number;
                }
            }

            return null;
        }

        List<(string Name, JsonElement Value)> Members(string what)
        {
            using var json = Parse(name, what, metadata.GetValueOrDefault(what, "{}"));
            return json.RootElement.ValueKind == JsonValueKind.Object
                ? [.. json.RootElement.EnumerateObject().Select(member => (member.Name, member.Value.Clone()))]
                : [];
        }
    }

    private static List<JsonElement> Elements(string name, string what, string text)
    {
        using var json = Parse(name, what, text);
        return json.RootElement.ValueKind == JsonValueKind.Array
            ? [.. json.RootElement.EnumerateArray().Select(element => element.Clone())]
            : throw new TraceException($"{name}: \"{what}\" in its metadata is no list.");
    }

    private static JsonDocument Parse(string name, string what, string text)
    {
        try
        {
            return JsonDocument.Parse(text);
        }
        catch (JsonException error)
        {
            throw new TraceException($"{name}: \"{what}\" in its metadata is not JSON: {error.Message}", error);
        }
    }
}
