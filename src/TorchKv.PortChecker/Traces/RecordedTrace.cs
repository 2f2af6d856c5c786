using System.Text.Json;
using TorchKv.PortChecking.Text;
using TorchKv.Runtime.Checkpoints;

namespace TorchKv.PortChecking.Traces;

/// <summary>
/// A recorded run: the outputs of all modules in all steps, the token ids, and facts about the model.
/// </summary>
/// <remarks>
/// A trace from a file, written by <c>tools/trace.py</c> or <see cref="ModuleTrace"/>, reads a tensor when it is asked
/// for. A trace from a <see cref="ModuleTrace"/> is in memory.
/// </remarks>
public sealed class RecordedTrace : IDisposable
{
    private readonly SafetensorsFile? _file;
    private readonly Dictionary<string, Activation>? _inMemory;
    private readonly Lazy<StepHistory> _history;

    private RecordedTrace(
        string name,
        SafetensorsFile? file,
        Dictionary<string, Activation>? inMemory,
        IReadOnlyDictionary<string, string> metadata,
        IReadOnlyList<TraceKey> order)
    {
        Name = name;
        _file = file;
        _inMemory = inMemory;
        Metadata = metadata;
        Order = order;
        Root = metadata.GetValueOrDefault("root", "logits");
        CallsAreNumbered = metadata.ContainsKey("calls");
        Steps = TraceMetadata.Steps(name, metadata);
        Facts = TraceMetadata.Facts(name, metadata);
        Calls = TraceMetadata.Calls(name, metadata);
        _history = new(() => StepHistory.Of(this));
        CheckSamples();
    }

    /// <summary>The file's path, or the name that was given.</summary>
    public string Name { get; }

    /// <summary>The keys in the order in which the modules finished: children before parents.</summary>
    public IReadOnlyList<TraceKey> Order { get; }

    /// <summary>The file's metadata: <c>order</c>, <c>steps</c>, <c>config</c> and so on, most of them JSON.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The token ids of each step, (rows, tokens); null for a step whose ids are not known.</summary>
    public IReadOnlyList<long[][]?> Steps { get; }

    /// <summary>The name of the model's own output.</summary>
    public string Root { get; }

    /// <summary>
    /// Whether each call of a module has its own key; else the key has the output of the step's last call.
    /// </summary>
    internal bool CallsAreNumbered { get; }

    internal TraceFacts Facts { get; }

    /// <summary>The original's call in each step; empty where the calls were not recorded.</summary>
    internal IReadOnlyList<StepCall> Calls { get; }

    internal StepHistory History => _history.Value;

    /// <summary>Opens a trace.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or it is not a safetensors file.</exception>
    /// <exception cref="TraceException">It is a safetensors file but not a trace.</exception>
    public static RecordedTrace Open(string path)
    {
        var file = SafetensorsFile.Open(path);
        try
        {
            var order = TraceMetadata.Order(path, file.Metadata, [.. file.Tensors.Select(tensor => tensor.Name)]);
            if (file.Tensors.FirstOrDefault(tensor => tensor.ElementCount > Array.MaxLength) is { } large)
            {
                throw new TraceException($"{path}: {large.Name} has {large.ElementCount:N0} numbers; "
                    + $"a trace may hold {Array.MaxLength:N0} of a tensor (trace with max_elements).");
            }

            return new RecordedTrace(path, file, null, file.Metadata, order);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>A trace of numbers in memory.</summary>
    /// <param name="activations">The outputs in the order in which the modules finished.</param>
    /// <param name="metadata">Metadata as of a file; <c>order</c> is not needed.</param>
    /// <param name="name">The name for messages.</param>
    /// <exception cref="TraceException">A key appears twice, or the metadata is not valid.</exception>
    public static RecordedTrace FromActivations(
        IEnumerable<Activation> activations,
        IReadOnlyDictionary<string, string>? metadata = null,
        string name = "the port")
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

    /// <summary>Reads the numbers of a key.</summary>
    /// <exception cref="CheckpointException">The file has changed since it was opened.</exception>
    /// <exception cref="TraceException">There is no such key, or the tensor's type is not supported.</exception>
    public Activation Read(TraceKey key)
    {
        if (_inMemory is not null)
        {
            return _inMemory.TryGetValue(key.ToString(), out var activation) ? activation : throw Missing(key);
        }

        var tensor = Find(key);
        return new Activation(key, ShapeOf(tensor), tensor.DType, TraceNumbers.Read(tensor));
    }

    /// <summary>Writes the trace as a safetensors file. The file has its name only when it is complete.</summary>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void Save(string path)
    {
        var metadata = new Dictionary<string, string>(Metadata) { ["order"] = TraceMetadata.OrderText(Order) };
        var tensors = _inMemory is null
            ? _file!.Tensors.Select(tensor => new TensorSource(tensor))
            : _inMemory.Values.Select(ToSource);
        SafetensorsWriter.Write(path, tensors, metadata);
    }

    /// <summary>The steps of the run, for a port to repeat.</summary>
    /// <exception cref="TraceException">The token ids of a step are not known.</exception>
    public IEnumerable<TraceStep> GetSteps() => Steps.Select((ids, i) => GetStep(
        i, ids ?? throw new TraceException($"{Name} does not say which ids were fed in step {i}.")));

    /// <summary>
    /// A metadata entry that is JSON. Python's NaN, Infinity and -Infinity, which JSON does not have, become strings.
    /// </summary>
    /// <returns>The entry; null where there is none.</returns>
    /// <exception cref="TraceException">The entry is not JSON.</exception>
    public JsonElement? MetadataJson(string key) =>
        Metadata.TryGetValue(key, out var text) ? TraceMetadata.Parse(Name, key, text) : null;

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file?.Dispose();

    /// <summary>The shape of a key's tensor, which is not read.</summary>
    internal int[] ShapeOf(TraceKey key) => _inMemory is null ? ShapeOf(Find(key)) : Read(key).Shape;

    /// <summary>The shape of a key's tensor before it was sampled.</summary>
    internal int[] FullShapeOf(TraceKey key) =>
        Facts.Sampled.TryGetValue(key.ToString(), out var full) ? full : ShapeOf(key);

    /// <summary>Whether there is such a key.</summary>
    internal bool Contains(TraceKey key) =>
        _inMemory?.ContainsKey(key.ToString()) ?? _file!.TryGet(key.ToString(), out _);

    /// <summary>A step with certain ids.</summary>
    internal TraceStep GetStep(int index, long[][] ids) => new(index, ids)
    {
        Continues = History.Continues(index),
        ContinuesIsRecorded = History.IsCertain(index),
        Inputs = Calls.ElementAtOrDefault(index)?.Inputs ?? new Dictionary<string, StepInput>(),
    };

    private static int[] ShapeOf(CheckpointTensor tensor) => [.. tensor.Shape.Select(size => checked((int)size))];

    // A wrong shape would have the numbers compared in other places, and may be too large for any memory.
    private void CheckSamples()
    {
        foreach (var key in Order)
        {
            if (Facts.Sampled.TryGetValue(key.ToString(), out var full) && !IsSampleOf(ShapeOf(key), full))
            {
                throw new TraceException($"{Name}: {key} is {Figures.ShapeText(ShapeOf(key))}, which is not what "
                    + $"\"max_elements\" = {Facts.MaxElements} keeps of {Figures.ShapeText(full)}.");
            }
        }
    }

    private bool IsSampleOf(int[] kept, int[] full)
    {
        try
        {
            return (TraceSampling.KeptShape(full, Facts.MaxElements) ?? full).AsSpan().SequenceEqual(kept);
        }
        catch (OverflowException)
        {
            return false;
        }
    }

    // The numbers are float32 in memory; half floats fit their own type again.
    private static TensorSource ToSource(Activation activation) => TensorSource.FromSingles(
        activation.Key.ToString(),
        [.. activation.Shape.Select(size => (long)size)],
        activation.Values,
        activation.DType is TensorDType.Float16 or TensorDType.BFloat16 ? activation.DType : TensorDType.Float32);

    private CheckpointTensor Find(TraceKey key) =>
        _file!.TryGet(key.ToString(), out var tensor) ? tensor : throw Missing(key);

    private TraceException Missing(TraceKey key) => new($"{Name}: there is no {key}.");
}
