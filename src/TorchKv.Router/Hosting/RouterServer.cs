using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using TorchKv.Cluster.Routing;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Router.Configuration;
using TorchKv.Router.Discovery;
using TorchKv.Router.Forwarding;
using TorchKv.Router.Logs;
using TorchKv.Router.Metrics;
using TorchKv.Router.Replicas;
using TorchKv.Router.Resuming;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.Server;
using TorchKv.Server.Configuration;
using TorchKv.Server.Metrics;
using TorchKv.Server.Models;
using TorchKv.Server.Reconnecting;

namespace TorchKv.Router.Hosting;

/// <summary>The server as a router: its endpoints over a generator that asks replicas.</summary>
internal static class RouterServer
{
    private const string InlineCompletions = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>The application.</summary>
    /// <param name="server">How clients are served.</param>
    /// <param name="router">How replicas are found and used.</param>
    /// <param name="model">The model's shape, as its configuration says.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="template">Turns chats into prompts.</param>
    /// <param name="arguments">Arguments in .NET's form, which configure the host; null: none.</param>
    /// <param name="configure">Adds to the application before it is built; null: nothing.</param>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    public static WebApplication Build(
        TorchKvServerOptions server,
        RouterOptions router,
        ModelShape model,
        Gpt2Tokenizer tokenizer,
        IChatTemplate template,
        string[]? arguments = null,
        Action<WebApplicationBuilder>? configure = null)
    {
        var (load, add) = Parts(server, router, model, tokenizer, template);
        return TorchKvServer.Build(server, load, arguments, builder =>
        {
            add(builder);
            configure?.Invoke(builder);
        });
    }

    /// <summary>Runs the application until the process is told to stop.</summary>
    /// <param name="server">How clients are served.</param>
    /// <param name="router">How replicas are found and used.</param>
    /// <param name="model">The model's shape, as its configuration says.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="template">Turns chats into prompts.</param>
    /// <param name="arguments">Arguments in .NET's form, which configure the host; null: none.</param>
    /// <param name="configure">Adds to the application before it is built.</param>
    /// <param name="onReady">Called when the router listens, with its addresses.</param>
    /// <param name="cancellationToken">Stops the router too.</param>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    public static Task RunAsync(
        TorchKvServerOptions server,
        RouterOptions router,
        ModelShape model,
        Gpt2Tokenizer tokenizer,
        IChatTemplate template,
        string[]? arguments,
        Action<WebApplicationBuilder> configure,
        Action<ServedModel, IReadOnlyList<string>> onReady,
        CancellationToken cancellationToken)
    {
        // What follows a replica's bytes runs on the thread that read them, since a switch of threads costs as much as
        // the rest of a token. .NET reads the variable once, at its first socket; a value that was set before stays.
        if (Environment.GetEnvironmentVariable(InlineCompletions) is null)
        {
            Environment.SetEnvironmentVariable(InlineCompletions, "1");
        }

        var (load, add) = Parts(server, router, model, tokenizer, template);
        return TorchKvServer.RunAsync(
            server,
            load,
            arguments,
            builder =>
            {
                add(builder);
                configure(builder);
            },
            onReady,
            cancellationToken);
    }

    private static (Func<CancellationToken, Task<ServedModel>> Load, Action<WebApplicationBuilder> Add) Parts(
        TorchKvServerOptions server,
        RouterOptions router,
        ModelShape model,
        Gpt2Tokenizer tokenizer,
        IChatTemplate template)
    {
        router.Validate();
        var requests = new HttpContextAccessor();
        var time = TimeProvider.System;
        var pool = new ReplicaPool(model, new RoutingOptions(), time);
        var watch = new StallWatch(router, time);
        var parts = new ClusterParts(router, pool, new ReplicaClient(router), watch, new RouterMetrics(pool), time);
        var source = ReplicaSources.Of(router.Replicas);
        var served = new ServedModel(
            server.ModelName ?? "torchkv", new ClusterGenerator(model, parts, requests), tokenizer, template)
        {
            CanWork = () => pool.UpCount > 0,
        };
        return (_ => Task.FromResult(served), Add);

        void Add(WebApplicationBuilder builder)
        {
            var services = builder.Services;
            services.AddSingleton<IHttpContextAccessor>(requests);
            services.AddSingleton(router);
            services.AddSingleton(pool);
            services.AddSingleton(parts.Client);
            services.AddSingleton(parts.Metrics);
            services.AddSingleton<IMetricsSource>(parts.Metrics);
            services.AddSingleton(source);
            services.AddHostedService<ReplicaProber>();
            services.AddHostedService(_ => watch);
            if (router.Postgres is { } connection)
            {
                services.AddSingleton(_ => Database(connection));
                services.AddSingleton<PostgresJournal>();
                services.AddSingleton<IStreamJournal>(provider => provider.GetRequiredService<PostgresJournal>());
                services.AddHostedService(provider => provider.GetRequiredService<PostgresJournal>());
            }
        }
    }

    private static NpgsqlDataSource Database(string connection)
    {
        try
        {
            var builder = new NpgsqlSlimDataSourceBuilder(connection);
            var limits = builder.ConnectionStringBuilder;
            (limits.Timeout, limits.CommandTimeout) = (Math.Min(limits.Timeout, 3), Math.Min(limits.CommandTimeout, 5));
            builder.EnableArrays();
            return builder.Build();
        }
        catch (ArgumentException e)
        {
            throw new OptionException("postgres", "a text", $"a connection string of PostgreSQL ({e.Message})");
        }
    }
}
