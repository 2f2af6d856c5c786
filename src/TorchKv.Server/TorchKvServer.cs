using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.Server.Configuration;
using TorchKv.Server.Models;
using TorchKv.Server.OpenApi;
using TorchKv.Server.Running;
using TorchKv.Server.Telemetry;

namespace TorchKv.Server;

/// <summary>The server as a program: an application with nothing but OpenAI's interface.</summary>
public static class TorchKvServer
{
    /// <summary>
    /// The configuration that a program has: <c>appsettings.json</c> in the working folder, then
    /// <c>appsettings.Production.json</c> (or another environment's, by <c>DOTNET_ENVIRONMENT</c>), then the
    /// environment variables.
    /// </summary>
    /// <exception cref="TorchKvException">A file is not valid JSON.</exception>
    public static IConfigurationRoot ReadConfiguration()
    {
        var environment = Environment.GetEnvironmentVariable("ASPNETCORE_ENVIRONMENT")
            ?? Environment.GetEnvironmentVariable("DOTNET_ENVIRONMENT")
            ?? Environments.Production;
        try
        {
            return new ConfigurationBuilder()
                .SetBasePath(Directory.GetCurrentDirectory())
                .AddJsonFile("appsettings.json", optional: true)
                .AddJsonFile($"appsettings.{environment}.json", optional: true)
                .AddEnvironmentVariables()
                .Build();
        }
        catch (InvalidDataException e)
        {
            var cause = e.GetBaseException().Message;
            throw new TorchKvException($"{e.Message.TrimEnd('.')}: {cause}", e);
        }
    }

    /// <summary>
    /// The options in the section <c>TorchKv</c> of a configuration (<c>TorchKv__Port</c> in the environment).
    /// </summary>
    /// <param name="configuration">The configuration; null: that of <see cref="ReadConfiguration"/>.</param>
    /// <exception cref="TorchKvException">An option cannot be read, or is out of its limits.</exception>
    public static TorchKvServerOptions ReadOptions(IConfiguration? configuration = null)
    {
        configuration ??= ReadConfiguration();
        var options = new TorchKvServerOptions();
        try
        {
            configuration.GetSection(TorchKvServerOptions.Section).Bind(options);
        }
        catch (InvalidOperationException e)
        {
            throw new TorchKvException(e.Message, e);
        }

        options.Validate();
        return options;
    }

    /// <summary>
    /// Serves a generator until the process is told to stop (SIGTERM, Ctrl+C); then lets running requests finish.
    /// </summary>
    /// <param name="options">How to serve.</param>
    /// <param name="generator">Generates the answers; it stays its owner's.</param>
    /// <param name="tokenizer">The generator's tokenizer.</param>
    /// <param name="template">Turns chats into prompts; null: the options' one, or the transcript.</param>
    /// <param name="cancellationToken">Stops the server too.</param>
    /// <exception cref="TorchKvException">An option, a key file or a template cannot be used.</exception>
    public static Task RunAsync(
        TorchKvServerOptions options,
        IGenerator generator,
        Gpt2Tokenizer tokenizer,
        IChatTemplate? template = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var model = new ServedModel(
            options.ModelName ?? "torchkv",
            generator,
            tokenizer,
            options.ChatTemplate is { } name ? ChatTemplates.Load(name) : template ?? ChatTemplates.Transcript);
        return RunAsync(options, _ => Task.FromResult(model), cancellationToken: cancellationToken);
    }

    /// <summary>
    /// Serves a model that is loaded while the server listens already, so that probes see it come up.
    /// </summary>
    /// <param name="options">How to serve.</param>
    /// <param name="load">Loads the model.</param>
    /// <param name="arguments">
    /// Arguments of the command line in .NET's form, which configure the host; null: none.
    /// </param>
    /// <param name="configure">Adds to the application before it is built; null: nothing.</param>
    /// <param name="onReady">
    /// Called once, when the model can be used, with the model and the addresses that the server listens on.
    /// </param>
    /// <param name="cancellationToken">Stops the server too.</param>
    /// <exception cref="TorchKvException">An option, a key file, a template or the model cannot be used.</exception>
    public static async Task RunAsync(
        TorchKvServerOptions options,
        Func<CancellationToken, Task<ServedModel>> load,
        string[]? arguments = null,
        Action<WebApplicationBuilder>? configure = null,
        Action<ServedModel, IReadOnlyList<string>>? onReady = null,
        CancellationToken cancellationToken = default)
    {
        await using var app = Build(options, load, arguments, configure);
        var loaded = app.Services.GetRequiredService<ModelHost>().Loaded;
        if (onReady is not null)
        {
            app.Lifetime.ApplicationStarted.Register(() => _ = loaded.ContinueWith(
                model => onReady(model.Result, [.. app.Urls]),
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnRanToCompletion,
                TaskScheduler.Default));
        }

        try
        {
            await ((IHost)app).RunAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (loaded.IsFaulted || cancellationToken.IsCancellationRequested)
        {
            // The model failed, or the caller stopped, before the server had begun to listen.
        }

        // A model that could not be loaded stops the host; its error is the caller's to see.
        if (loaded.IsFaulted)
        {
            await loaded.ConfigureAwait(false);
        }
    }

    /// <summary>The application that <c>RunAsync</c> runs, for a caller who starts it.</summary>
    /// <param name="options">How to serve.</param>
    /// <param name="load">Loads the model.</param>
    /// <param name="arguments">
    /// Arguments of the command line in .NET's form, which configure the host; null: none.
    /// </param>
    /// <param name="configure">Adds to the application before it is built; null: nothing.</param>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    public static WebApplication Build(
        TorchKvServerOptions options,
        Func<CancellationToken, Task<ServedModel>> load,
        string[]? arguments = null,
        Action<WebApplicationBuilder>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(load);
        options.Validate();
        var builder = WebApplication.CreateSlimBuilder(arguments ?? []);
        builder.Services.AddSingleton(options);
        builder.Services.AddTorchKvServer(load: (_, cancellationToken) => load(cancellationToken));
        builder.WebHost.ConfigureKestrel(kestrel => Limit(kestrel, options));

        // What is written is sent by the thread that wrote it: one hand-over between threads less for each token.
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
        if (builder.Configuration["urls"] is null && !builder.Configuration.GetSection("Kestrel:Endpoints").Exists())
        {
            builder.WebHost.UseUrls(options.Address);
        }

        InternalPort.Add(builder, options);

        if (options.AllowedOrigins.Count > 0)
        {
            builder.Services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
                .WithOrigins([.. options.AllowedOrigins])
                .AllowAnyHeader()
                .WithMethods("GET", "POST")
                .WithExposedHeaders(
                    "x-request-id",
                    "retry-after",
                    "x-torchkv-chat-template",
                    "x-torchkv-ignored-fields")));
        }

        configure?.Invoke(builder);
        Quieten(builder);
        OtlpExport.AddWhereAskedFor(builder);
        var app = builder.Build();
        if (options.AllowedOrigins.Count > 0)
        {
            app.UseCors();
        }

        app.MapTorchKv();
        app.MapTorchKvPage();
        if (app.Environment.IsDevelopment() && options is { ApiKey: null, ApiKeyFile: null })
        {
            // With keys the page could not read the document.
            InterfacePage.Map(app);
        }

        app.MapUnknown();
        return app;
    }

    /// <summary>ASP.NET Core logs every request; that is left to those who ask for it.</summary>
    private static void Quieten(WebApplicationBuilder builder)
    {
        const string Category = "Microsoft.AspNetCore";
        if (!builder.Configuration.GetSection("Logging:LogLevel:" + Category).Exists())
        {
            builder.Logging.AddFilter(Category, LogLevel.Warning);
        }
    }

    private static void Limit(KestrelServerOptions kestrel, TorchKvServerOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = options.MaxBodyBytes;
        kestrel.Limits.MaxConcurrentConnections = options.MaxConnections;
        kestrel.Limits.MinResponseDataRate = new MinDataRate(
            bytesPerSecond: 240,
            gracePeriod: options.SlowReaderTimeout + TimeSpan.FromSeconds(2));
    }
}
