using System.Globalization;
using System.Linq.Expressions;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Cpu.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.PortChecking;

/// <summary>
/// Records every module's output while a TorchSharp model runs, through its forward hooks, in the format of <c>tools/trace.py</c>.
/// </summary>
/// <remarks>
/// Hooks run where a module is called with <c>call</c>, as TorchSharp wants it; <c>forward</c> called directly runs none. A step ends
/// with the model's own output, or with <see cref="NextStep"/>. Not thread-safe, as the model is not.
/// </remarks>
public sealed class ModuleTrace : IDisposable
{
    private readonly nn.Module module;
    private readonly string root;
    private readonly int maxElements;
    private readonly List<Action> removers = [];
    private readonly List<Activation> activations = [];
    private readonly List<long[][]?> steps = [];
    private readonly Dictionary<string, int> calls = [];
    private readonly JsonObject modules = [];
    private readonly JsonObject sampled = [];
    private readonly Dictionary<string, string> described = [];
    private int step;
    private bool stepUsed;
    private bool rootDone;

    /// <summary>Hooks a module and all modules inside it.</summary>
    /// <param name="module">Any TorchSharp module.</param>
    /// <param name="root">The name under which the module's own output is kept.</param>
    /// <param name="maxElements">Keeps about so many numbers of a larger tensor, at fixed positions; 0: all.</param>
    public ModuleTrace(nn.Module module, string root = "logits", int maxElements = 0)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentOutOfRangeException.ThrowIfNegative(maxElements);
        this.module = module;
        this.root = root;
        this.maxElements = maxElements;
        var seen = new HashSet<nn.Module>(ReferenceEqualityComparer.Instance);
        foreach (var (name, part) in module.named_modules().Prepend(("", module)))
        {
            if (seen.Add(part))
            {
                modules[name] = new JsonObject { ["type"] = TypeName(part.GetType()) };
                Hook(part, ReferenceEquals(part, module) ? null : name);
            }
        }
    }

    /// <summary>What the file says beside the tensors: the model's configuration as JSON (<c>config</c>), its <c>seed</c>.</summary>
    public ModuleTrace Describe(string key, string value)
    {
        described[key] = value;
        return this;
    }

    /// <summary>Ends the step; without effect while nothing has been recorded in it.</summary>
    public void NextStep()
    {
        if (stepUsed)
        {
            step++;
            calls.Clear();
            (stepUsed, rootDone) = (false, false);
        }
    }

    /// <summary>Records what the model gave in this step, where it was not called by <c>call</c>.</summary>
    public void RecordOutput(object? output)
    {
        if (!rootDone)
        {
            Record(root, output);
            rootDone = true;
        }
    }

    /// <summary>Records the ids that were fed in this step, where the model was not called by <c>call</c>.</summary>
    /// <param name="ids">(rows, tokens) or (tokens), of an integer type.</param>
    public void RecordIds(Tensor ids)
    {
        using var scope = NewDisposeScope();
        var flat = ids.detach().to(ScalarType.Int64).cpu().contiguous().data<long>().ToArray();
        var columns = ids.dim() == 0 ? 1 : (int)ids.shape[^1];
        SetIds(columns == 0 ? [] : [.. flat.Chunk(columns)]);
    }

    /// <summary>What was recorded so far; the numbers are in memory and belong to the trace.</summary>
    public RecordedTrace ToTrace(string name = "the port") => RecordedTrace.FromActivations(activations, Metadata(), name);

    /// <summary>Writes what was recorded as a safetensors file.</summary>
    /// <exception cref="TraceException">It cannot be written.</exception>
    public void Save(string path) => ToTrace().Save(path);

    /// <summary>Removes the hooks.</summary>
    public void Dispose()
    {
        removers.ForEach(remove => remove());
        removers.Clear();
    }

    internal void SetIds(long[][] ids)
    {
        while (steps.Count <= step)
        {
            steps.Add(null);
        }

        steps[step] = ids;
    }

    private void Hook(nn.Module part, string? name)
    {
        // Module<T1, …, TResult> derives from HookableModule<TPreHook, TPostHook>, where TPostHook is Func<module, inputs…, result, result>.
        for (var type = part.GetType(); type is not null; type = type.BaseType)
        {
            if (!type.IsGenericType || type.GetGenericTypeDefinition() != typeof(nn.HookableModule<,>))
            {
                continue;
            }

            var hookType = type.GetGenericArguments()[1];
            var invoke = hookType.GetMethod("Invoke");
            if (invoke is null)
            {
                return;
            }

            var parameters = invoke.GetParameters().Select(parameter => Expression.Parameter(parameter.ParameterType)).ToArray();
            Action<object?, object?[]> seen = name is null ? RootCalled : (output, _) => Called(name, output);
            var body = Expression.Block(
                Expression.Invoke(
                    Expression.Constant(seen),
                    Expression.Convert(parameters[^1], typeof(object)),
                    Expression.NewArrayInit(typeof(object), parameters[1..^1].Select(input => Expression.Convert(input, typeof(object))))),
                parameters[^1]);
            var hook = Expression.Lambda(hookType, body, parameters).Compile();
            var remover = type.GetMethod("register_forward_hook", [hookType])!.Invoke(part, [hook])!;
            var remove = remover.GetType().GetMethod("remove", BindingFlags.Public | BindingFlags.Instance)!;
            removers.Add(() => remove.Invoke(remover, null));
            return;
        }
    }

    private void RootCalled(object? output, object?[] inputs)
    {
        if (rootDone)
        {
            NextStep();
        }

        foreach (var input in inputs)
        {
            if (input is Tensor { dtype: ScalarType.Int64 or ScalarType.Int32 } ids && (steps.Count <= step || steps[step] is null))
            {
                RecordIds(ids);
            }
        }

        RecordOutput(output);
    }

    private void Called(string name, object? output)
    {
        if (rootDone)
        {
            NextStep();
        }

        Record(name, output);
    }

    private void Record(string name, object? output)
    {
        stepUsed = true;
        var call = calls[name] = calls.GetValueOrDefault(name) + 1;
        var first = true;
        foreach (var (part, tensor) in Tensors(output, ""))
        {
            Keep(new TraceKey(step, name, call, first ? null : part), tensor);
            first = false;
        }
    }

    private static IEnumerable<(string Part, Tensor Tensor)> Tensors(object? output, string path)
    {
        var items = output switch
        {
            Tensor or null or string => null,
            ITuple tuple => Enumerable.Range(0, tuple.Length).Select(i => tuple[i]),
            System.Collections.IEnumerable many => many.Cast<object?>(),
            _ => null,
        };
        if (output is Tensor tensor)
        {
            yield return (path.Length == 0 ? "0" : path, tensor);
        }
        else if (items is not null)
        {
            var i = 0;
            foreach (var item in items)
            {
                foreach (var found in Tensors(item, path.Length == 0 ? $"{i}" : $"{path}.{i}"))
                {
                    yield return found;
                }

                i++;
            }
        }
    }

    private void Keep(TraceKey key, Tensor tensor)
    {
        if (tensor.device_type == DeviceType.META)
        {
            return;
        }

        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        if (!TypeOf.TryGetValue(tensor.dtype, out var dtype))
        {
            return;
        }

        var values = tensor.detach().cpu().to(ScalarType.Float32).contiguous().data<float>().ToArray();
        var whole = new Activation(key, [.. tensor.shape.Select(size => checked((int)size))], dtype, values);
        var kept = TraceSampling.Apply(whole, maxElements);
        if (!ReferenceEquals(kept, whole))
        {
            sampled[key.ToString()] = new JsonArray([.. whole.Shape.Select(size => (JsonNode)size)]);
        }

        activations.Add(kept);
    }

    private Dictionary<string, string> Metadata() => new(described)
    {
        ["format"] = "torchkv-trace/1",
        ["root"] = root,
        ["calls"] = "numbered",
        ["steps"] = JsonSerializer.Serialize(steps.Select(rows => rows is [var one] ? (object)one : rows)),
        ["training"] = module.training ? "true" : "false",
        ["modules"] = modules.ToJsonString(),
        ["parameters"] = Parameters().ToJsonString(),
        ["sampled"] = sampled.ToJsonString(),
        ["max_elements"] = maxElements.ToString(CultureInfo.InvariantCulture),
        ["versions"] = new JsonObject { ["TorchSharp"] = typeof(nn.Module).Assembly.GetName().Version?.ToString() }.ToJsonString(),
    };

    // Sum and norm tell whether weights are the original's without keeping them.
    private JsonObject Parameters()
    {
        var about = new JsonObject();
        foreach (var (name, parameter) in module.named_parameters())
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
                ["sum"] = wide.sum().item<double>(),
                ["norm"] = Math.Sqrt(wide.mul(wide).sum().item<double>()),
            };
        }

        return about;
    }

    private static string TypeName(Type type) => type.Name.IndexOf('`') is > 0 and var tick ? type.Name[..tick] : type.Name;

    private static readonly Dictionary<ScalarType, TensorDType> TypeOf = new()
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
}
