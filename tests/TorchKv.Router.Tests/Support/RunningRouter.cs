using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Router.Configuration;
using TorchKv.Router.Hosting;
using TorchKv.Router.Replicas;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Text;
using TorchKv.Server.Configuration;
using TorchKv.TestSupport;

namespace TorchKv.Router.Tests.Support;

/// <summary>A router over fake replicas, on a free port.</summary>
internal sealed class RunningRouter : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RunningRouter(WebApplication app, IReadOnlyList<FakeReplica> replicas)
    {
        (_app, Replicas) = (app, replicas);
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        Client = new HttpClient { BaseAddress = new Uri(address), Timeout = TimeSpan.FromMinutes(1) };
    }

    public static Gpt2Tokenizer Tokenizer { get; } = Gpt2Tokenizer.Load(RepositoryFiles.Weights("storyteller"));

    public IReadOnlyList<FakeReplica> Replicas { get; }

    public HttpClient Client { get; }

    public ReplicaPool Pool => _app.Services.GetRequiredService<ReplicaPool>();

    /// <summary>Starts replicas and a router that knows them all.</summary>
    public static async Task<RunningRouter> StartAsync(
        int count = 2, Func<RouterOptions, RouterOptions>? configure = null, Action<FakeReplica>? prepare = null)
    {
        var replicas = await Task.WhenAll(
            Enumerable.Range(0, count).Select(i => FakeReplica.StartAsync(Tokenizer, $"r{i}")));
        Array.ForEach(replicas, replica => prepare?.Invoke(replica));
        var options = new RouterOptions
        {
            Replicas = count == 0 ? ["http://127.0.0.1:9"] : [.. replicas.Select(replica => replica.Address.ToString())],
            ProbeInterval = TimeSpan.FromMilliseconds(50),
            StallLimit = TimeSpan.FromMilliseconds(400),
            WaitForReplica = TimeSpan.FromMilliseconds(500),
            WaitToResume = TimeSpan.FromMilliseconds(500),
        };
        var app = RouterServer.Build(
            new TorchKvServerOptions { Port = 0, ModelName = "m" },
            configure?.Invoke(options) ?? options,
            Gpt2Config.Load(RepositoryFiles.Weights("storyteller")).Shape,
            Tokenizer,
            ChatTemplates.Transcript,
            configure: builder => builder.Logging.ClearProviders());
        await app.StartAsync();
        var router = new RunningRouter(app, replicas);
        while (router.Pool.UpCount < replicas.Count(replica => replica.State == "ready"))
        {
            await Task.Delay(10);
        }

        return router;
    }

    /// <summary>Posts a completion.</summary>
    public Task<HttpResponseMessage> PostAsync(string more = "", CancellationToken cancellationToken = default)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent(
                $$"""{"model":"m","prompt":"Hello","max_tokens":40{{more}}}""", Encoding.UTF8, "application/json"),
        };
        return Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    /// <summary>Posts a streamed completion and reads its events' data.</summary>
    public async Task<IReadOnlyList<JsonNode>> StreamAsync(string more = "")
    {
        using var response = await PostAsync(",\"stream\":true" + more);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{(int)response.StatusCode}: {text}");
        Assert.EndsWith("data: [DONE]\n\n", text);
        return
        [
            .. text.Split('\n').Where(line => line.StartsWith("data: {", StringComparison.Ordinal))
                .Select(line => JsonNode.Parse(line["data: ".Length..])!),
        ];
    }

    /// <summary>The text of one choice.</summary>
    public static string Text(IReadOnlyList<JsonNode> events, int choice = 0) => string.Concat(events
        .SelectMany(e => e["choices"]?.AsArray() ?? [])
        .Where(part => (int)part!["index"]! == choice)
        .Select(part => (string)part!["text"]!));

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        foreach (var replica in Replicas)
        {
            await replica.DisposeAsync();
        }
    }
}
