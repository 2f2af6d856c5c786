using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchKv.Runtime.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.PortChecking.Traces;

/// <summary>
/// Records the outputs of all modules of a TorchSharp model while it runs, in the format of <c>tools/trace.py</c>.
/// </summary>
/// <remarks>
/// TorchSharp runs hooks where a module is called with <c>call</c>, and none where <c>forward</c> is called. A step
/// ends with the model's own output, or with <see cref="NextStep"/>. Not thread-safe.
/// </remarks>
public sealed class ModuleTrace : IDisposable
{
    private static readonly Dictionary<ScalarType, TensorDType> s_types = new()
    {
        [ScalarType.Float32] = TensorDType.Float32,
        [ScalarType.Float16] = TensorDType.Float16,
        [ScalarType.BFloat16] = TensorDType.BFloat16,
        [ScalarType.Float64] = TensorDType.Float64,
        [ScalarType.Int64] = TensorDType.Int64,
        [ScalarType.Int32] = TensorDType.Int32,
        [ScalarType.Int16] = TensorDType.Int16,
        [ScalarType.Int8] = TensorDType.Int8,
        [ScalarType.Byte] = TensorDType.UInt8,
        [ScalarType.Bool] = TensorDType.Bool,
    };

    private readonly nn.Module _module;
    private readonly string _root;
    private readonly int _maxElements;
    private readonly List<Action> _removers = [];
    private readonly List<Activation> _activations = [];
    private readonly List<long[][]?> _steps = [];
    private readonly Dictionary<string, int> _calls = [];
    private readonly JsonObject _modules = [];
    private readonly JsonObject _sampled = [];
    private readonly Dictionary<string, string> _described = [];
    private int _step;
    private bool _stepUsed;
    private bool _rootDone;

    /// <summary>Adds hooks to a module and to all modules inside it.</summary>
    /// <param name="module">Any TorchSharp module.</param>
    /// <param name="root">The name for the module's own output.</param>
    /// <param name="maxElements">
    /// About how many numbers to keep of a larger tensor, at fixed positions; 0 for all.
    /// </param>
    public ModuleTrace(nn.Module module, string root = "logits", int maxElements = 0)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentOutOfRangeException.ThrowIfNegative(maxElements);
        _module = module;
        _root = root;
        _maxElements = maxElements;
        var seen = new HashSet<nn.Module>(ReferenceEqualityComparer.Instance);
        foreach (var (name, part) in module.named_modules().Prepend(("", module)))
        {
            if (!seen.Add(part))
            {
                continue;
            }

            _modules[name] = new JsonObject { ["type"] = TypeName(part.GetType()) };
            ForwardHook.OnFinished finished = ReferenceEquals(part, module)
                ? RootFinished
                : (output, _) => Finished(name, output);
            if (ForwardHook.Add(part, finished) is { } remove)
            {
                _removers.Add(remove);
            }
        }
    }

    /// <summary>Adds an entry to the file's metadata, such as <c>config</c> (JSON) or <c>seed</c>.</summary>
    public ModuleTrace Describe(string key, string value)
    {
        _described[key] = value;
        return this;
    }

    /// <summary>Ends the step. Has no effect while nothing has been recorded in it.</summary>
    public void NextStep()
    {
        if (_stepUsed)
        {
            _step++;
            _calls.Clear();
            (_stepUsed, _rootDone) = (false, false);
        }
    }

    /// <summary>Records the model's own output in this step, where the model was not called with <c>call</c>.</summary>
    /// <param name="output">A tensor, or a tuple or sequence of tensors.</param>
    public void RecordOutput(object? output)
    {
        if (!_rootDone)
        {
            Record(_root, output);
            _rootDone = true;
        }
    }

    /// <summary>Records the token ids of this step, where the model was not called with <c>call</c>.</summary>
    /// <param name="ids">(rows, tokens) or (tokens), of an integer type.</param>
    public void RecordIds(Tensor ids)
    {
        using var scope = NewDisposeScope();
        var flat = ids.detach().to(ScalarType.Int64).cpu().contiguous().data<long>().ToArray();
        var columns = ids.dim() == 0 ? 1 : (int)ids.shape[^1];
        while (_steps.Count <= _step)
        {
            _steps.Add(null);
        }

        _steps[_step] = columns == 0 ? [] : [.. flat.Chunk(columns)];
    }

    /// <summary>The trace so far. Its numbers are in memory and stay valid when this object is disposed.</summary>
    public RecordedTrace ToTrace(string name = "the port") =>
        RecordedTrace.FromActivations(_activations, Metadata(), name);

    /// <summary>Writes the trace so far as a safetensors file.</summary>
    /// <exception cref="CheckpointException">The file cannot be written.</exception>
    public void Save(string path) => ToTrace().Save(path);

    /// <summary>Removes the hooks.</summary>
    public void Dispose()
    {
        _removers.ForEach(remove => remove());
        _removers.Clear();
    }

    private void RootFinished(object? output, object?[] inputs)
    {
        BeginStepIfDone();
        foreach (var input in inputs)
        {
            if (input is Tensor { dtype: ScalarType.Int64 or ScalarType.Int32 } ids
                && (_steps.Count <= _step || _steps[_step] is null))
            {
                RecordIds(ids);
            }
        }

        RecordOutput(output);
    }

    private void Finished(string name, object? output)
    {
        BeginStepIfDone();
        Record(name, output);
    }

    // A module that finishes after the model's own output belongs to the model's next call.
    private void BeginStepIfDone()
    {
        if (_rootDone)
        {
            NextStep();
        }
    }

    private void Record(string name, object? output)
    {
        _stepUsed = true;
        var call = _calls[name] = _calls.GetValueOrDefault(name) + 1;
        var isFirst = true;
        foreach (var (part, tensor) in OutputTensors.Of(output))
        {
            Keep(new TraceKey(_step, name, call, isFirst ? null : part), tensor);
            isFirst = false;
        }
    }

    private void Keep(TraceKey key, Tensor tensor)
    {
        // A tensor on the meta device has no numbers.
        if (tensor.device_type == DeviceType.META || !s_types.TryGetValue(tensor.dtype, out var dtype))
        {
            return;
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var values = tensor.detach().cpu().to(ScalarType.Float32).contiguous().data<float>().ToArray();
        var whole = new Activation(key, [.. tensor.shape.Select(size => checked((int)size))], dtype, values);
        var kept = TraceSampling.Apply(whole, _maxElements);
        if (!ReferenceEquals(kept, whole))
        {
            _sampled[key.ToString()] = new JsonArray([.. whole.Shape.Select(size => (JsonNode)size)]);
        }

        _activations.Add(kept);
    }

    private Dictionary<string, string> Metadata() => new(_described)
    {
        ["format"] = "torchkv-trace/1",
        ["root"] = _root,
        ["calls"] = "numbered",
        ["steps"] = JsonSerializer.Serialize(_steps.Select(rows => rows is [var one] ? (object)one : rows)),
        ["training"] = _module.training ? "true" : "false",
        ["modules"] = _modules.ToJsonString(),
        ["parameters"] = Parameters().ToJsonString(),
        ["sampled"] = _sampled.ToJsonString(),
        ["max_elements"] = _maxElements.ToString(CultureInfo.InvariantCulture),
        ["versions"] = new JsonObject
        {
            ["TorchSharp"] = typeof(nn.Module).Assembly.GetName().Version?.ToString(),
        }.ToJsonString(),
    };

    // Sum and norm tell whether two models have the same weights.
    private JsonObject Parameters()
    {
        var about = new JsonObject();
        foreach (var (name, parameter) in _module.named_parameters())
        {
            if (parameter.device_type == DeviceType.META)
            {
                continue;
            }

            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            var wide = parameter.detach().to(ScalarType.Float64).cpu();
            about[name] = new JsonObject
            {
                ["shape"] = new JsonArray([.. parameter.shape.Select(size => (JsonNode)size)]),
                ["sum"] = Number(wide.sum().item<double>()),
                ["norm"] = Number(Math.Sqrt(wide.mul(wide).sum().item<double>())),
            };
        }

        return about;
    }

    // JSON has no NaN and no infinity.
    private static JsonNode Number(double value) =>
        double.IsFinite(value) ? value : value.ToString(CultureInfo.InvariantCulture);

    // Without the number of type parameters.
    private static string TypeName(Type type) => type.Name.Split('`')[0];
}
