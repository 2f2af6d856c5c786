using TorchKv.Caching;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Running;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Serving.Sessions;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Cli.Models;

/// <summary>
/// The port's model on libtorch, with one of the port's own KV caches. <c>compare</c> and <c>generate --cache</c> run
/// it without the engine.
/// </summary>
internal sealed class PortModel : IDisposable
{
    private PortModel(GPTModel model, Device device, string description) =>
        (Model, Device, Description) = (model, device, description);

    public GPTModel Model { get; }

    public ModelShape Shape => Model.config.Shape;

    public Device Device { get; }

    /// <summary>Model, library, device, threads and dtype, in words.</summary>
    public string Description { get; }

    /// <summary>Loads a checkpoint.</summary>
    public static PortModel Load(ModelRequest request, Checkpoint checkpoint, CancellationToken cancellationToken)
    {
        var device = Prepare(request);
        var model = GPTModel.from_pretrained(checkpoint, device, Dtype(request.Dtype), cancellationToken);
        return new PortModel(model, device, Describe(request.Directory, request, device));
    }

    /// <summary>Loads a checkpoint on the port's runner, for an engine.</summary>
    public static LoadedRunner LoadRunner(
        ModelRequest request, Checkpoint checkpoint, CancellationToken cancellationToken)
    {
        var device = Prepare(request);
        var runner = TorchRunner.Load(
            checkpoint,
            new TorchRunnerOptions
            {
                Device = device,
                DType = Dtype(request.Dtype),
                BlockCount = request.Pool.Blocks,
                PoolBytes = request.Pool.Bytes,
            },
            cancellationToken);
        return new LoadedRunner(
            runner,
            runner.Config,
            Describe(request.Directory, request, device),
            ModelIdentity.OfFolder(request.Directory, runner.Kept));
    }

    /// <summary>
    /// Makes a model with random weights in the order of the article's scripts, so that a seed gives the same weights:
    /// first the seed is set, then the model is made on the CPU, then it is moved to the device.
    /// </summary>
    /// <param name="configJson">A configuration under the article's keys; null: the article's GPT-2 124M.</param>
    /// <param name="seed">For torch's generator.</param>
    /// <param name="request">Device, dtype and threads.</param>
    public static PortModel Random(string? configJson, ulong seed, ModelRequest request)
    {
        var cfg = configJson is null ? GPTConfig.GPT_CONFIG_124M : GPTConfig.from_json(configJson);
        var device = Prepare(request);
        manual_seed(unchecked((long)seed));
        var model = new GPTModel(cfg);
        model.to(device);
        model.to(Dtype(request.Dtype));
        model.eval();
        return new PortModel(model, device, Describe($"random weights from seed {seed}", request, device));
    }

    /// <summary>Gives the model an empty cache.</summary>
    /// <param name="cache">
    /// One of <see cref="CacheKinds"/>; a window is as wide as the configuration's, or as the context, where none is
    /// given.
    /// </param>
    /// <param name="tokens">What a static cache is sized for.</param>
    /// <returns>Whether there is a cache.</returns>
    public bool SetCache(CacheChoice cache, long tokens)
    {
        long context = Model.cfg.context_length;
        switch (cache.Kind)
        {
            case CacheKinds.None:
                Model.reset_kv_cache();
                return false;
            case CacheKinds.Static:
                Model.set_kv_cache(() => new StaticKvCache(context, Math.Min(tokens, context)));
                return true;
            default:
                Model.set_kv_cache(Kind(cache.Kind), cache.Window);
                return true;
        }
    }

    public void Dispose() => Model.Dispose();

    /// <summary>Sets the threads that libtorch computes with, and finds the device.</summary>
    private static Device Prepare(ModelRequest request)
    {
        if (request.Threads is { } threads)
        {
            set_num_threads(threads);
        }

        return Devices.parse(request.Device);
    }

    private static ScalarType Dtype(string name) => name switch
    {
        "bfloat16" => bfloat16,
        "float16" => float16,
        _ => float32,
    };

    private static string Describe(string what, ModelRequest request, Device device)
    {
        var where = device.type == DeviceType.CPU ? $"cpu, {Words.Threads(get_num_threads())}" : device.ToString();
        return $"{what} · libtorch {torch.__version__} · {where} · {request.Dtype}";
    }

    private static KvCacheKind Kind(string name) => name switch
    {
        CacheKinds.Concat => KvCacheKind.Concat,
        CacheKinds.SlidingWindow => KvCacheKind.SlidingWindow,
        CacheKinds.Quantized => KvCacheKind.Quantized,
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "Not a kind of cache."),
    };
}
