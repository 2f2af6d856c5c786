using System.Text.Json;

namespace TorchKv.PortChecking.Traces;

/// <summary>Reads and writes the metadata of a trace.</summary>
internal static class TraceMetadata
{
    private static readonly string[] s_heads = ["n_heads", "n_head", "num_attention_heads", "num_heads"];
    private static readonly string[] s_width = ["emb_dim", "n_embd", "hidden_size", "d_model"];

    /// <summary>The keys in the order in which the modules finished.</summary>
    /// <param name="name">The trace's name for messages.</param>
    /// <param name="metadata">The file's metadata.</param>
    /// <param name="tensors">The names of the file's tensors, each of which the order must have once.</param>
    public static IReadOnlyList<TraceKey> Order(
        string name, IReadOnlyDictionary<string, string> metadata, IReadOnlyCollection<string> tensors)
    {
        if (!metadata.TryGetValue("order", out var text))
        {
            throw new TraceException($"{name} is not a trace: its metadata has no \"order\". "
                + "tools/trace.py and ModuleTrace write traces.");
        }

        var known = tensors.ToHashSet();
        var order = new List<TraceKey>();
        foreach (var item in Elements(name, "order", text))
        {
            var key = item.ValueKind == JsonValueKind.String
                ? item.GetString()!
                : throw new TraceException($"{name}: \"order\" holds {item}, which is no key.");
            if (!known.Remove(key))
            {
                throw new TraceException(
                    $"{name}: \"order\" names {key}, which is not in the file or is named twice.");
            }

            // A key that is written in another way, such as 1.wte, would not be found under its own text.
            order.Add(TraceKey.TryParse(key) is { } parsed && parsed.ToString() == key
                ? parsed
                : throw new TraceException($"{name}: {key} is not STEP.MODULE."));
        }

        return known.Count == 0
            ? order
            : throw new TraceException(
                $"{name}: \"order\" does not name {known.Order(StringComparer.Ordinal).First()}.");
    }

    /// <summary>The order as JSON.</summary>
    public static string OrderText(IEnumerable<TraceKey> order) =>
        "[" + string.Join(",", order.Select(key => $"\"{JsonEncodedText.Encode(key.ToString())}\"")) + "]";

    /// <summary>The token ids of each step; none where the metadata has no steps.</summary>
    public static IReadOnlyList<long[][]?> Steps(string name, IReadOnlyDictionary<string, string> metadata)
    {
        return !metadata.TryGetValue("steps", out var text)
            ? []
            : [.. Elements(name, "steps", text).Select(step => step.ValueKind switch
            {
                JsonValueKind.Null => null,
                JsonValueKind.Array when step.GetArrayLength() > 0 && step[0].ValueKind == JsonValueKind.Array =>
                    step.EnumerateArray().Select(Ids).ToArray(),
                JsonValueKind.Array => [Ids(step)],
                _ => throw new TraceException(
                    $"{name}: \"steps\" holds {step}, which is neither ids nor rows of ids."),
            })];

        long[] Ids(JsonElement row) => row.ValueKind == JsonValueKind.Array
            ? [.. row.EnumerateArray().Select(Id)]
            : throw new TraceException($"{name}: \"steps\" holds {row} where a row of ids should be.");

        long Id(JsonElement id) => id.ValueKind == JsonValueKind.Number && id.TryGetInt64(out var value)
            ? value
            : throw new TraceException($"{name}: \"steps\" holds {id}, which is no id.");
    }

    /// <summary>What the metadata says about the model.</summary>
    public static TraceFacts Facts(string name, IReadOnlyDictionary<string, string> metadata)
    {
        var config = Members(name, "config", metadata);
        var (heads, width) = (Number(config, s_heads), Number(config, s_width));
        _ = int.TryParse(metadata.GetValueOrDefault("max_elements"), out var limit);
        return new TraceFacts
        {
            Heads = heads,
            Width = width,
            HeadDim = Number(config, "head_dim") ?? width / heads,
            Training = metadata.GetValueOrDefault("training") == "true",
            MaxElements = Math.Max(0, limit),
            Modules = Members(name, "modules", metadata).Keys,
            Types = Types(name, metadata),
            Parameters = Parameters(name, metadata),
            Sampled = Members(name, "sampled", metadata).Where(member => member.Value.ValueKind == JsonValueKind.Array)
                .ToDictionary(member => member.Key, member => Shape(name, member.Key, member.Value)),
        };
    }

    private static Dictionary<string, string> Types(string name, IReadOnlyDictionary<string, string> metadata)
    {
        var types = new Dictionary<string, string>();
        foreach (var (module, about) in Members(name, "modules", metadata))
        {
            if (Members(about).GetValueOrDefault("type") is { ValueKind: JsonValueKind.String } type)
            {
                types[module] = type.GetString()!;
            }
        }

        return types;
    }

    private static Dictionary<string, (double Sum, double Norm)> Parameters(
        string name, IReadOnlyDictionary<string, string> metadata)
    {
        var parameters = new Dictionary<string, (double Sum, double Norm)>();
        foreach (var (parameter, about) in Members(name, "parameters", metadata))
        {
            var figures = Members(about);
            if (PythonJson.Number(figures.GetValueOrDefault("sum")) is { } sum
                && PythonJson.Number(figures.GetValueOrDefault("norm")) is { } norm)
            {
                parameters[parameter] = (sum, norm);
            }
        }

        return parameters;
    }

    private static int[] Shape(string name, string key, JsonElement shape) =>
        [.. shape.EnumerateArray().Select(size =>
            size.ValueKind == JsonValueKind.Number && size.TryGetInt32(out var value) && value >= 0
                ? value
                : throw new TraceException($"{name}: \"sampled\" has no shape for {key}."))];

    // The first of the names that has a positive integer.
    private static int? Number(Dictionary<string, JsonElement> config, params string[] names)
    {
        foreach (var name in names)
        {
            if (config.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.Number
                && value.TryGetInt32(out var number) && number > 0)
            {
                return number;
            }
        }

        return null;
    }

    /// <summary>The original's call in each step; none where the metadata has no inputs.</summary>
    public static IReadOnlyList<StepCall> Calls(string name, IReadOnlyDictionary<string, string> metadata)
    {
        var inputs = List(name, "inputs", metadata);
        var (past, flags) = (List(name, "past", metadata), List(name, "flags", metadata));
        var calls = new List<StepCall>();
        for (var step = 0; step < Math.Max(inputs.Count, Math.Max(past.Count, flags.Count)); step++)
        {
            var tensors = new Dictionary<string, StepInput>();
            foreach (var (argument, value) in Members(inputs.ElementAtOrDefault(step)))
            {
                if (StepInput.Read(value) is { } input)
                {
                    tensors[argument] = input;
                }
            }

            // Without an entry the element is of no kind.
            var cached = past.ElementAtOrDefault(step);
            var usesCache = Members(flags.ElementAtOrDefault(step)).GetValueOrDefault("use_cache");
            bool? continues = usesCache.ValueKind == JsonValueKind.False ? false : null;
            calls.Add(new(tensors, PythonJson.Number(cached) is { } tokens ? tokens > 0 : continues));
        }

        return calls;
    }

    /// <summary>Reads JSON as Python writes it.</summary>
    /// <exception cref="TraceException">The text is not JSON.</exception>
    public static JsonElement Parse(string name, string what, string text)
    {
        try
        {
            return PythonJson.Parse(text);
        }
        catch (JsonException error)
        {
            throw new TraceException($"{name}: \"{what}\" in its metadata is not JSON: {error.Message}", error);
        }
    }

    private static Dictionary<string, JsonElement> Members(
        string name, string what, IReadOnlyDictionary<string, string> metadata) =>
        Members(Parse(name, what, metadata.GetValueOrDefault(what, "{}")));

    // Of equal names the last counts, as in Python.
    private static Dictionary<string, JsonElement> Members(JsonElement element)
    {
        var members = new Dictionary<string, JsonElement>();
        foreach (var member in element.ValueKind == JsonValueKind.Object ? element.EnumerateObject().ToArray() : [])
        {
            members[member.Name] = member.Value;
        }

        return members;
    }

    private static List<JsonElement> List(string name, string what, IReadOnlyDictionary<string, string> metadata) =>
        Parse(name, what, metadata.GetValueOrDefault(what, "[]")) is { ValueKind: JsonValueKind.Array } list
            ? [.. list.EnumerateArray()]
            : [];

    private static List<JsonElement> Elements(string name, string what, string text) =>
        Parse(name, what, text) is { ValueKind: JsonValueKind.Array } list
            ? [.. list.EnumerateArray()]
            : throw new TraceException($"{name}: \"{what}\" in its metadata is no list.");
}
