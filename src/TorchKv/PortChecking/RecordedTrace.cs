using System.Text.Json;
using TorchKv.Runtime.Checkpoints;

namespace TorchKv.PortChecking;

/// <summary>A recorded run: every module's output, step by step, with what was fed and how the model was made.</summary>
/// <remarks>
/// From a file that <c>tools/trace.py</c> or <see cref="ModuleTrace"/> wrote, whose tensors are read when they are asked for, or
/// straight from a <see cref="ModuleTrace"/>, in memory.
/// </remarks>
public sealed class RecordedTrace : IDisposable
{
    private readonly SafetensorsFile? file;
    private readonly Dictionary<string, Activation>? inMemory;

    private RecordedTrace(
        string name, SafetensorsFile? file, Dictionary<string, Activation>? inMemory,
        IReadOnlyDictionary<string, string> metadata, IReadOnlyList<TraceKey> order)
    {
        Name = name;
        this.file = file;
        this.inMemory = inMemory;
        Metadata = metadata;
        Order = order;
        Root = metadata.GetValueOrDefault("root", "logits");
        CallsAreNumbered = metadata.ContainsKey("calls");
        Steps = TraceMetadata.Steps(name, metadata);
        Facts = TraceMetadata.Facts(name, metadata);
    }

    /// <summary>The file, or what was traced.</summary>
    public string Name { get; }

    /// <summary>The keys in the order in which the modules finished: children before parents.</summary>
    public IReadOnlyList<TraceKey> Order { get; }

    /// <summary>What the file says beside the tensors.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The ids fed in each step, (rows, tokens); null for a step whose ids are not known.</summary>
    public IReadOnlyList<long[][]?> Steps { get; }

    /// <summary>The name that the model's own output goes by.</summary>
    public string Root { get; }

    /// <summary>Whether a module's second call in a step has a key of its own; otherwise the key holds the last call's output.</summary>
    internal bool CallsAreNumbered { get; }

    internal TraceFacts Facts { get; }

    /// <summary>Opens a trace.</summary>
    /// <exception cref="CheckpointException">The file cannot be read or is not a safetensors file.</exception>
    /// <exception cref="TraceException">It is one, and not a trace.</exception>
    public static RecordedTrace Open(string path)
    {
        var file = SafetensorsFile.Open(path);
        try
        {
            var order = TraceMetadata.Order(path, file.Metadata, [.. file.Tensors.Select(tensor => tensor.Name)]);
            foreach (var tensor in file.Tensors)
            {
                if (tensor.ElementCount > Array.MaxLength)
                {
                    throw new TraceException($"{path}: {tensor.Name} has {tensor.ElementCount:N0} numbers; a trace may hold {Array.MaxLength:N0} of a tensor (trace with max_elements).");
                }
            }

            return new RecordedTrace(path, file, null, file.Metadata, order);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>A trace from numbers in memory, in the order in which the modules finished.</summary>
    public static RecordedTrace FromActivations(
        IEnumerable<Activation> activations, IReadOnlyDictionary<string, string>? metadata = null, string name = "the port")
    {
        var byKey = new Dictionary<string, Activation>();
        var order = new List<TraceKey>();
        foreach (var activation in activations)
        {
            if (!byKey.TryAdd(activation.Key.ToString(), activation))
            {
                throw new TraceException($"{name}: {activation.Key} is there twice.");
            }

            order.Add(activation.Key);
        }

        return new RecordedTrace(name, null, byKey, metadata ?? new Dictionary<string, string>(), order);
    }

    /// <summary>The numbers under a key.</summary>
    /// <exception cref="CheckpointException">The file has changed meanwhile, or the tensor's type is none of the known ones.</exception>
    /// <exception cref="TraceException">There is no such key.</exception>
    public Activation Read(TraceKey key)
    {
        var name = key.ToString();
        if (inMemory is not null)
        {
            return inMemory.TryGetValue(name, out var activation) ? activation : throw new TraceException($"{Name}: there is no {name}.");
        }

        if (!file!.TryGet(name, out var tensor))
        {
            throw new TraceException($"{Name}: there is no {name}.");
        }

        return new Activation(key, [.. tensor.Shape.Select(size => checked((int)size))], tensor.DType, TraceNumbers.Read(tensor));
    }

    /// <summary>The shape of the tensor under a key, without reading it.</summary>
    internal int[] ShapeOf(TraceKey key) => inMemory is not null
        ? Read(key).Shape
        : [.. file![key.ToString()].Shape.Select(size => checked((int)size))];

    /// <summary>Writes the trace as a safetensors file, one tensor at a time.</summary>
    public void Save(string path) => TraceFile.Write(path, Metadata, Order, Read);

    /// <summary>Closes the file.</summary>
    public void Dispose() => file?.Dispose();
}

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

/// <summary>What a trace's metadata says that helps to name a mistake; null where it does not.</summary>
internal sealed class TraceFacts
{
    public int? Heads { get; set; }

    public int? HeadDim { get; set; }

    public int? Width { get; set; }

    public bool Training { get; set; }

    public int MaxElements { get; set; }

    /// <summary>Class by module name.</summary>
    public Dictionary<string, string> Types { get; } = [];

    /// <summary>Sum and Euclidean norm by parameter name.</summary>
    public Dictionary<string, (double Sum, double Norm)> Parameters { get; } = [];

    /// <summary>The shapes that sampled tensors had.</summary>
    public Dictionary<string, int[]> Sampled { get; } = [];
}
