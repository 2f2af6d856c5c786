using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Errors;

namespace TorchKv.Server.Models;

/// <summary>Loads the model after the server has begun to listen, and says whether it can be used.</summary>
internal sealed partial class ModelHost : BackgroundService
{
    private readonly Func<CancellationToken, Task<ServedModel>> _load;
    private readonly IReadOnlyList<string> _aliases;
    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILogger<ModelHost> _logger;
    private readonly TaskCompletionSource<ServedModel> _loaded =
        new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ServerState _state = ServerState.Loading;

    /// <summary>A host of a model.</summary>
    /// <param name="load">Loads it.</param>
    /// <param name="aliases">Other names that requests may call it by.</param>
    /// <param name="lifetime">Stops the application where the model cannot be loaded.</param>
    /// <param name="logger">Where it says what it does.</param>
    public ModelHost(
        Func<CancellationToken, Task<ServedModel>> load,
        IEnumerable<string> aliases,
        IHostApplicationLifetime lifetime,
        ILogger<ModelHost> logger)
    {
        _load = load;
        _aliases = [.. aliases];
        _lifetime = lifetime;
        _logger = logger;
    }

    public ServerState State => _state;

    /// <summary>Done when the model is ready; faulted where it could not be loaded.</summary>
    public Task<ServedModel> Loaded => _loaded.Task;

    /// <summary>The model where it is loaded; null before.</summary>
    public ServedModel? Current => _loaded.Task.IsCompletedSuccessfully ? _loaded.Task.Result : null;

    /// <summary>The model, to be used now.</summary>
    /// <exception cref="ApiException">It is not loaded yet, or the server is stopping.</exception>
    public ServedModel Use() => (_state, Current) switch
    {
        (ServerState.Ready, { } model) => model,
        (ServerState.Draining, _) => throw ApiException.Unavailable("The server is stopping."),
        (ServerState.Failed, _) => throw ApiException.Unavailable("The model could not be loaded."),
        _ => throw ApiException.Unavailable("The model is being loaded."),
    };

    /// <summary>Checks the name that a request calls the model by.</summary>
    /// <exception cref="ApiException">The request names none, or another model.</exception>
    public ServedModel Find(string? name)
    {
        var model = Use();
        return name is null ? throw ApiException.Invalid("model", "model is missing.", "missing_field")
            : name == model.Id || _aliases.Contains(name) ? model
            : throw new ApiException(
                404,
                ApiException.InvalidRequest,
                "model_not_found",
                "model",
                $"There is no model '{Short(name)}'; '{model.Id}' is served.");
    }

    public void BeginDrain() => _state = ServerState.Draining;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // What is loaded may block its thread, and the server is to listen meanwhile.
        await Task.Yield();
        try
        {
            // A load that does not end by itself does not keep the server from stopping.
            var model = await Task.Run(() => _load(stoppingToken), stoppingToken)
                .WaitAsync(stoppingToken)
                .ConfigureAwait(false);
            if (model.CanWork is null)
            {
                await WarmAsync(model, stoppingToken).ConfigureAwait(false);
            }

            _loaded.TrySetResult(model);
            if (_state == ServerState.Loading)
            {
                _state = ServerState.Ready;
            }

            LogReady(_logger, model.Id, model.Generator.Model.ContextLength, model.Template.Name);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            _loaded.TrySetCanceled(stoppingToken);
        }
        catch (Exception e)
        {
            _state = ServerState.Failed;
            _loaded.TrySetException(e);
            LogFailed(_logger, e.Message, e);
            _lifetime.StopApplication();
        }
    }

    /// <summary>Computes a token, so that the first request does not pay for what is done once.</summary>
    private static async Task WarmAsync(ServedModel model, CancellationToken cancellationToken)
    {
        int[] prompt = [model.Generator.Model.BosTokenId ?? 0];
        await foreach (var _ in model.Generator.GenerateAsync(
            prompt,
            new GenerationOptions { MaxNewTokens = 1 },
            cancellationToken).ConfigureAwait(false))
        {
        }
    }

    private static string Short(string name) => name.Length <= 64 ? name : name[..64] + "…";

    [LoggerMessage(
        LogLevel.Information,
        "The model {Model} is ready: context {ContextLength} tokens, chat template {ChatTemplate}.")]
    private static partial void LogReady(ILogger logger, string model, int contextLength, string chatTemplate);

    [LoggerMessage(LogLevel.Critical, "The model could not be loaded: {Reason}")]
    private static partial void LogFailed(ILogger logger, string reason, Exception error);
}
