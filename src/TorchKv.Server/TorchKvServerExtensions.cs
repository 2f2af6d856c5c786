using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.Server.Answers;
using TorchKv.Server.Configuration;
using TorchKv.Server.Endpoints;
using TorchKv.Server.Live;
using TorchKv.Server.Metrics;
using TorchKv.Server.Models;
using TorchKv.Server.OpenApi;
using TorchKv.Server.Reconnecting;
using TorchKv.Server.Requests;
using TorchKv.Server.Running;
using TorchKv.Server.Security;
using TorchKv.Server.Telemetry;

namespace TorchKv.Server;

/// <summary>OpenAI's interface in an ASP.NET Core application.</summary>
public static class TorchKvServerExtensions
{
    /// <summary>Adds what <see cref="MapTorchKv"/> needs.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Changes the options, after the configuration section <c>TorchKv</c> was read.</param>
    /// <param name="load">
    /// Loads the model after the application has started; null: the generator, tokenizer and template are services, as
    /// <c>AddTorchKv</c> adds them.
    /// </param>
    /// <returns>The services, for more.</returns>
    public static IServiceCollection AddTorchKvServer(
        this IServiceCollection services,
        Action<TorchKvServerOptions>? configure = null,
        Func<IServiceProvider, CancellationToken, Task<ServedModel>>? load = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<TorchKvServerOptions>()
            .Configure<IServiceProvider>((options, provider) =>
            {
                provider.GetService<IConfiguration>()?.GetSection(TorchKvServerOptions.Section).Bind(options);
                configure?.Invoke(options);
                options.Validate();
            });
        services.TryAddSingleton(provider => provider.GetRequiredService<IOptions<TorchKvServerOptions>>().Value);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider => new ModelHost(
            cancellationToken => (load ?? FromServicesAsync)(provider, cancellationToken),
            provider.GetRequiredService<TorchKvServerOptions>().ModelAliases,
            provider.GetRequiredService<IHostApplicationLifetime>(),
            provider.GetRequiredService<ILogger<ModelHost>>()));
        services.TryAddSingleton(provider => ApiKeys.Of(provider.GetRequiredService<TorchKvServerOptions>()));
        services.TryAddSingleton<LiveAccess>();
        services.TryAddSingleton<InternalAccess>();
        services.TryAddSingleton<IStreamJournal>(_ => new MemoryJournal());
        services.TryAddSingleton<Reconnection>();
        services.TryAddSingleton<LiveFeed>();
        services.TryAddSingleton<HostCheck>();
        services.TryAddSingleton<RateLimits>();
        services.AddMetrics();
        services.TryAddSingleton<ServerTelemetry>();
        services.TryAddSingleton<ServerMetrics>();
        services.TryAddSingleton<MetricsPage>();
        services.TryAddSingleton<Drain>();
        services.TryAddSingleton<RequestPipeline>();
        services.TryAddSingleton<FieldRules>();
        services.TryAddSingleton<CompletionRequests>();
        services.TryAddSingleton<ChatRequests>();
        services.TryAddSingleton<ResponseRequests>();
        services.TryAddSingleton<AnswerRunner>();
        services.TryAddSingleton<GenerationEndpoints>();
        services.TryAddSingleton<InternalEndpoints>();
        services.TryAddSingleton<TokenEndpoints>();
        services.TryAddSingleton<StateEndpoints>();
        services.TryAddSingleton<PageEndpoints>();
        services.TryAddSingleton<LiveEndpoints>();
        services.AddHostedService(provider => provider.GetRequiredService<ModelHost>());
        services.AddHostedService(provider => provider.GetRequiredService<Drain>());
        services.AddOptions<HostOptions>().Configure<TorchKvServerOptions>((host, options) =>
        {
            // The host's own limit counts the drain too.
            var needed = options.ShutdownTimeout + TimeSpan.FromSeconds(10);
            host.ShutdownTimeout = host.ShutdownTimeout > needed ? host.ShutdownTimeout : needed;
        });
        return services;
    }

    /// <summary>Maps the endpoints. Keys, limits and errors come with them, wherever they are mapped.</summary>
    /// <param name="endpoints">The application, or a group of it.</param>
    /// <returns>The endpoints' group, for more conventions.</returns>
    public static RouteGroupBuilder MapTorchKv(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var services = endpoints.ServiceProvider;
        var generation = services.GetRequiredService<GenerationEndpoints>();
        var tokens = services.GetRequiredService<TokenEndpoints>();
        var state = services.GetRequiredService<StateEndpoints>();
        var group = endpoints.MapGroup("");
        Map(group, Routes.Models, state.ModelsAsync);
        Map(group, Routes.Model, state.ModelAsync);
        Map(group, Routes.Completions, generation.CompletionAsync);
        Map(group, Routes.Chats, generation.ChatAsync);
        Map(group, Routes.Responses, generation.ResponseAsync);
        Map(group, Routes.RenderCompletion, generation.RenderCompletionAsync);
        Map(group, Routes.RenderChat, generation.RenderChatAsync);
        Map(group, Routes.Tokenize, tokens.TokenizeAsync);
        Map(group, Routes.Detokenize, tokens.DetokenizeAsync);
        Map(group, Routes.Health, state.HealthAsync);
        Map(group, Routes.Ready, state.ReadyAsync);
        Map(group, Routes.Version, state.VersionAsync);
        Map(group, Routes.Metrics, state.MetricsAsync);
        Map(group, Routes.OpenApi, state.OpenApiAsync);
        if (services.GetRequiredService<InternalAccess>().IsConfigured)
        {
            var routers = services.GetRequiredService<InternalEndpoints>();
            Map(group, Routes.InternalStatus, routers.StatusAsync);
            Map(group, Routes.InternalGenerate, routers.GenerateAsync);
        }

        return group;
    }

    /// <summary>Maps the live page at <c>/</c>, its files and its feed. Who may see them is checked there.</summary>
    /// <param name="endpoints">The application, or a group of it; the page's URL must end with a slash.</param>
    /// <returns>The endpoints' group, for more conventions.</returns>
    public static RouteGroupBuilder MapTorchKvPage(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var page = endpoints.ServiceProvider.GetRequiredService<PageEndpoints>();
        var live = endpoints.ServiceProvider.GetRequiredService<LiveEndpoints>();
        var group = endpoints.MapGroup("");
        Map(group, Routes.Page, page.IndexAsync);
        Map(group, Routes.PageFile, page.FileAsync);
        Map(group, Routes.LiveEvents, live.EventsAsync);
        Map(group, Routes.LiveExplain, live.ExplainAsync);
        return group;
    }

    /// <summary>
    /// Answers what no endpoint answers, as an error that OpenAI's clients read. It needs a key as all else does.
    /// </summary>
    internal static void MapUnknown(this IEndpointRouteBuilder endpoints)
    {
        var pipeline = endpoints.ServiceProvider.GetRequiredService<RequestPipeline>();
        endpoints.Map("/{**path}", pipeline.Wrap(StateEndpoints.UnknownAsync, EndpointAccess.Key, "unknown"))
            .Add(builder => ((RouteEndpointBuilder)builder).Order = int.MaxValue);
    }

    private static void Map(RouteGroupBuilder group, ServedRoute route, RequestDelegate handler)
    {
        var pipeline = ((IEndpointRouteBuilder)group).ServiceProvider.GetRequiredService<RequestPipeline>();

        // A model's id may have slashes.
        var pattern = route.Path.Replace("{id}", "{**id}", StringComparison.Ordinal);
        string[] methods = route.Method == "GET" ? ["GET", "HEAD"] : [route.Method];
        group.MapMethods(
            pattern,
            methods,
            pipeline.Wrap(handler, route.Access, route.Path)).WithDisplayName($"TorchKv {route.Method} {route.Path}");
    }

    private static Task<ServedModel> FromServicesAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var options = services.GetRequiredService<TorchKvServerOptions>();
        var client = services.GetService<IChatClient>();
        var template = options.ChatTemplate is { } name ? ChatTemplates.Load(name)
            : services.GetService<IChatTemplate>() ?? ChatTemplates.Transcript;
        var id = options.ModelName ?? client?.GetService<ChatClientMetadata>()?.DefaultModelId ?? "torchkv";
        return Task.FromResult(new ServedModel(
            id,
            services.GetRequiredService<IGenerator>(),
            services.GetRequiredService<Gpt2Tokenizer>(),
            template));
    }
}
