using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using TorchKv.Batch.Configuration;
using TorchKv.Batch.Endpoints;
using TorchKv.Batch.Store;
using TorchKv.Batch.Work;
using TorchKv.Server;
using TorchKv.Server.OpenApi;
using TorchKv.Server.Running;

namespace TorchKv.Batch;

/// <summary>OpenAI's files and batches beside the server's other endpoints.</summary>
public static class TorchKvBatchExtensions
{
    /// <summary>Adds files, batches and what works on them. The server maps them with its other endpoints.</summary>
    /// <param name="services">The services; those of <c>AddTorchKvServer</c> are needed too.</param>
    /// <param name="options">How batches are stored and run.</param>
    /// <returns>The services, for more.</returns>
    /// <exception cref="Runtime.Contracts.OptionException">An option is out of its limits.</exception>
    /// <exception cref="Errors.BatchException">The connection text cannot be read.</exception>
    public static IServiceCollection AddTorchKvBatch(this IServiceCollection services, BatchOptions options)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var database = new BatchDatabase(options.Connection);
        services.TryAddSingleton(options);

        // Not the instance itself, which no container would dispose.
        services.TryAddSingleton(_ => database);
        services.TryAddSingleton<FileStore>();
        services.TryAddSingleton<BatchStore>();
        services.TryAddSingleton<JobStore>();
        services.TryAddSingleton<UpkeepStore>();
        services.TryAddSingleton<FileUpload>();
        services.TryAddSingleton<FileEndpoints>();
        services.TryAddSingleton<BatchEndpoints>();
        services.TryAddSingleton<IJobRunner, EngineJobRunner>();
        services.TryAddSingleton<BatchUpkeep>();
        services.AddHostedService<BatchService>();
        foreach (var route in BatchRoutes.All)
        {
            services.AddSingleton(route);
        }

        services.AddSingleton<MapMore>(Map);
        return services;
    }

    private static void Map(RouteGroupBuilder group)
    {
        var services = ((IEndpointRouteBuilder)group).ServiceProvider;
        var files = services.GetRequiredService<FileEndpoints>();
        var batches = services.GetRequiredService<BatchEndpoints>();
        Map(group, BatchRoutes.Upload, files.UploadAsync);
        Map(group, BatchRoutes.Files, files.ListAsync);
        Map(group, BatchRoutes.File, files.FileAsync);
        Map(group, BatchRoutes.Content, files.ContentAsync);
        Map(group, BatchRoutes.DeleteFile, files.DeleteAsync);
        Map(group, BatchRoutes.Create, batches.CreateAsync);
        Map(group, BatchRoutes.Batches, batches.ListAsync);
        Map(group, BatchRoutes.Batch, batches.BatchAsync);
        Map(group, BatchRoutes.Cancel, batches.CancelAsync);
    }

    private static void Map(RouteGroupBuilder group, ServedRoute route, RequestDelegate handler)
    {
        var pipeline = ((IEndpointRouteBuilder)group).ServiceProvider.GetRequiredService<RequestPipeline>();
        string[] methods = route.Method == "GET" ? ["GET", "HEAD"] : [route.Method];
        group.MapMethods(route.Path, methods, pipeline.Wrap(handler, route.Access, route.Path))
            .WithDisplayName($"TorchKv {route.Method} {route.Path}");
    }
}
