using System.Globalization;
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
using TorchKv.Server.Telemetry;

namespace TorchKv.Server;

/// <summary>The server as a program: an application with nothing but OpenAI's interface.</summary>
public static class TorchKvServer
{
    /// <summary>
    /// The options that the configuration has: <c>appsettings.json</c> in the working folder, then the environment
    /// (<c>TorchKv__Port</c>).
    /// </summary>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    public static TorchKvServerOptions ReadOptions()
    {
        var configuration = new ConfigurationBuilder()
            .SetBasePath(Directory.GetCurrentDirectory())
            .AddJsonFile("appsettings.json", optional: true)
            .AddEnvironmentVariables()
            .Build();
        var options = new TorchKvServerOptions();
        configuration.GetSection(TorchKvServerOptions.Section).Bind(options);
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
    /// <param name="cancellationToken">Stops the server too.</param>
    /// <exception cref="TorchKvException">An option, a key file, a template or the model cannot be used.</exception>
    public static async Task RunAsync(
        TorchKvServerOptions options,
        Func<CancellationToken, Task<ServedModel>> load,
        string[]? arguments = null,
        Action<WebApplicationBuilder>? configure = null,
        CancellationToken cancellationToken = default)
    {
        await using var app = Build(options, load, arguments, configure);
        var loaded = app.Services.GetRequiredService<ModelHost>().Loaded;
        try
        {
            await ((IHost)app).RunAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (loaded.IsFaulted)
        {
            // The model failed before the server had begun to listen.
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
        if (builder.Configuration["urls"] is null && !builder.Configuration.GetSection("Kestrel:Endpoints").Exists())
        {
            builder.WebHost.UseUrls(string.Create(
                CultureInfo.InvariantCulture,
                $"http://{BracketIfV6(options.Host)}:{options.Port}"));
        }

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

    private static string BracketIfV6(string host)
        => host.Contains(':', StringComparison.Ordinal) && host[0] != '[' ? $"[{host}]" : host;
}
