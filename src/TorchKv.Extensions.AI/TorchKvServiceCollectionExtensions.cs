using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using TorchKv.Extensions.AI.Hosting;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Extensions.AI;

/// <summary>
/// A model as services: its <see cref="Engine"/>, <see cref="IGenerator"/>, tokenizer, template and <see
/// cref="IChatClient"/>.
/// </summary>
public static class TorchKvServiceCollectionExtensions
{
    /// <summary>
    /// Adds a model folder's services as singletons. The provider owns the engine: dispose it with <c>await using</c>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="directory">The folder, in HuggingFace's layout.</param>
    /// <param name="configure">Changes how it is loaded; null: as <see cref="TorchKvOptions"/> has it.</param>
    /// <returns>The services, for more.</returns>
    public static IServiceCollection AddTorchKv(
        this IServiceCollection services,
        string directory,
        Action<TorchKvOptions>? configure = null)
        => Add(services, key: null, directory, configure);

    /// <summary>Adds a model folder's services under a key, as <see cref="AddTorchKv"/> does without one.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key.</param>
    /// <param name="directory">The folder, in HuggingFace's layout.</param>
    /// <param name="configure">Changes how it is loaded; null: as <see cref="TorchKvOptions"/> has it.</param>
    /// <returns>The services, for more.</returns>
    public static IServiceCollection AddKeyedTorchKv(
        this IServiceCollection services,
        object serviceKey,
        string directory,
        Action<TorchKvOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(serviceKey);
        return Add(services, serviceKey, directory, configure);
    }

    private static IServiceCollection Add(
        IServiceCollection services,
        object? key,
        string directory,
        Action<TorchKvOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(directory);
        var options = new TorchKvOptions();
        configure?.Invoke(options);
        var folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        var modelId = options.ModelId ?? Path.GetFileName(folder);

        Singleton<Engine>(services, key, _ => Engine
            .LoadAsync(directory, options.Engine, options.Cpu, options.DraftDirectory)
            .GetAwaiter()
            .GetResult());
        Singleton<IGenerator>(services, key, provider => EngineOf(provider, key));
        Singleton<Gpt2Tokenizer>(services, key, provider => TokenizerOf(EngineOf(provider, key), directory));
        Singleton<IChatTemplate>(services, key, _ => options.Template ?? ChatTemplates.OfModel(directory));
        Singleton<IChatClient>(services, key, provider => EngineOf(provider, key).AsIChatClient(
            key is null
                ? provider.GetRequiredService<IChatTemplate>()
                : provider.GetRequiredKeyedService<IChatTemplate>(key),
            modelId));
        if (options.LoadOnStart)
        {
            services.AddSingleton<IHostedService>(provider => new LoadOnStart(provider, key));
        }

        return services;
    }

    private static Engine EngineOf(IServiceProvider provider, object? key)
        => key is null ? provider.GetRequiredService<Engine>() : provider.GetRequiredKeyedService<Engine>(key);

    private static Gpt2Tokenizer TokenizerOf(Engine engine, string directory) => engine.Tokenizer
        ?? throw new RequestException(engine.TokenizerProblem is { } problem
            ? $"The model's tokenizer cannot be used: {problem}"
            : $"{directory} has no vocabulary.");

    private static void Singleton<T>(IServiceCollection services, object? key, Func<IServiceProvider, T> make)
        where T : class
        => services.TryAdd(key is null
            ? ServiceDescriptor.Singleton<T>(make)
            : ServiceDescriptor.KeyedSingleton<T>(key, (provider, _) => make(provider)));
}
