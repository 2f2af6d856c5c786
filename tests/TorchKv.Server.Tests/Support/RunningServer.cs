using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Server.Configuration;
using TorchKv.Server.Metrics;
using TorchKv.Server.Models;

namespace TorchKv.Server.Tests.Support;

/// <summary>A server on a free port of the loopback address.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private RunningServer(WebApplication app)
    {
        App = app;
        var features = app.Services.GetRequiredService<IServer>().Features;
        var addresses = features.Get<IServerAddressesFeature>()!.Addresses;
        Address = new Uri(addresses.First());
        InternalAddress = new Uri(addresses.Last());
        Client = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromMinutes(2) };
    }

    public WebApplication App { get; }

    public Uri Address { get; }

    /// <summary>The internal port's address where the server has one, else the same.</summary>
    public Uri InternalAddress { get; }

    public HttpClient Client { get; }

    public ServerMetrics Metrics => App.Services.GetRequiredService<ServerMetrics>();

    public ModelHost Models => App.Services.GetRequiredService<ModelHost>();

    /// <summary>A server over a fake generator.</summary>
    public static async Task<RunningServer> StartAsync(
        FakeGenerator generator,
        Action<TorchKvServerOptions>? configure = null,
        IChatTemplate? template = null)
    {
        var server = await StartAsync(
            new ServedModel("fake", generator, Storyteller.Tokenizer, template ?? ChatTemplates.Transcript),
            configure);
        generator.Arm();
        return server;
    }

    /// <summary>A server whose model is ready.</summary>
    public static async Task<RunningServer> StartAsync(
        ServedModel model,
        Action<TorchKvServerOptions>? configure = null)
    {
        var server = await StartLoadingAsync(_ => Task.FromResult(model), configure);
        await server.Models.Loaded;
        while (server.Models.State == ServerState.Loading)
        {
            await Task.Yield();
        }

        return server;
    }

    /// <summary>A server whose model may still be loading.</summary>
    public static async Task<RunningServer> StartLoadingAsync(
        Func<CancellationToken, Task<ServedModel>> load,
        Action<TorchKvServerOptions>? configure = null,
        Action<WebApplicationBuilder>? build = null,
        string[]? arguments = null)
    {
        var options = new TorchKvServerOptions { Port = 0 };
        configure?.Invoke(options);
        var app = TorchKvServer.Build(options, load, arguments, builder =>
        {
            builder.Logging.ClearProviders();
            build?.Invoke(builder);
        });
        await app.StartAsync();
        return new RunningServer(app);
    }

    /// <summary>Posts JSON.</summary>
    public Task<HttpResponseMessage> PostAsync(
        string path,
        string json,
        string? key = null,
        CancellationToken cancellationToken = default)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new StringContent(
            json,
            Encoding.UTF8,
            "application/json")
        };
        if (key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        return Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    /// <summary>Posts JSON and reads the JSON of a good answer.</summary>
    public async Task<JsonNode> AskAsync(string path, string json, string? key = null)
    {
        using var response = await PostAsync(path, json, key);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{(int)response.StatusCode}: {body}");
        return JsonNode.Parse(body)!;
    }

    /// <summary>Posts JSON and reads the error object of an answer with a given status.</summary>
    public async Task<JsonNode> RefusedAsync(string path, string json, int status, string? key = null)
    {
        using var response = await PostAsync(path, json, key);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"{(int)response.StatusCode} in place of {status}: {body}");
        return Sse.Error(JsonNode.Parse(body)!);
    }

    /// <summary>Posts JSON and reads the whole stream.</summary>
    public async Task<Sse> StreamAsync(string path, string json, string? key = null)
    {
        using var response = await PostAsync(path, json, key);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            Assert.Fail($"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
        }

        Assert.Equal("text/event-stream; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        return Sse.Parse(await response.Content.ReadAsByteArrayAsync());
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await App.StopAsync();
        await App.DisposeAsync();
    }
}
