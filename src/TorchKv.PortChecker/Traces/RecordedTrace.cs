using System.Text.Json;
using TorchKv.Runtime.Checkpoints;

namespace TorchKv.PortChecking.Traces;

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
