using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TorchKv.Batch.Configuration;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Server;
using TorchKv.Server.Configuration;
using TorchKv.Server.Models;
using TorchKv.Server.Tests.Support;

namespace TorchKv.Batch.Tests.Support;

/// <summary>A server with files and batches on a free port.</summary>
internal sealed class BatchServer : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private readonly WebApplication _app;

    private BatchServer(WebApplication app)
    {
        _app = app;
        Client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()), Timeout = TimeSpan.FromMinutes(1) };
    }

    public HttpClient Client { get; }

    /// <summary>The key that requests show; null: none.</summary>
    public string? Key { get; set; }

    public static Task<BatchServer> StartAsync(
        string connection,
        FakeGenerator fake,
        Action<BatchOptions>? batches = null,
        Action<TorchKvServerOptions>? configure = null) => StartAsync(
        connection,
        new ServedModel("storyteller", fake, Small.Tokenizer, ChatTemplates.Transcript),
        batches,
        configure,
        fake.Arm);

    public static async Task<BatchServer> StartAsync(
        string connection,
        ServedModel model,
        Action<BatchOptions>? batches = null,
        Action<TorchKvServerOptions>? configure = null,
        Action? onReady = null)
    {
        var options = new TorchKvServerOptions { Port = 0 };
        configure?.Invoke(options);
        var ofBatches = new BatchOptions { Connection = connection, Poll = TimeSpan.FromMilliseconds(50) };
        batches?.Invoke(ofBatches);
        var app = TorchKvServer.Build(options, _ => Task.FromResult(model), configure: builder =>
        {
            builder.Logging.ClearProviders();
            builder.Services.AddTorchKvBatch(ofBatches);
        });
        await app.StartAsync();
        var server = new BatchServer(app);
        using var limit = new CancellationTokenSource(s_limit);
        while ((await server.Client.GetAsync("/ready", limit.Token)).StatusCode != HttpStatusCode.OK)
        {
            await Task.Delay(5, limit.Token);
        }

        onReady?.Invoke();
        return server;
    }

    public async Task<JsonNode> UploadAsync(IEnumerable<string> lines)
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" },
            { new StringContent(string.Join('\n', lines) + "\n", Encoding.UTF8), "file", "in.jsonl" },
        };
        return await SendAsync(HttpMethod.Post, "/v1/files", form);
    }

    public async Task<JsonNode> CreateAsync(
        IEnumerable<string> lines, string endpoint = "/v1/completions", string window = "24h")
    {
        var file = await UploadAsync(lines);
        return await CreateOfAsync((string)file["id"]!, endpoint, window);
    }

    public Task<JsonNode> CreateOfAsync(string file, string endpoint = "/v1/completions", string window = "24h") =>
        SendAsync(HttpMethod.Post, "/v1/batches", Json(new JsonObject
        {
            ["input_file_id"] = file,
            ["endpoint"] = endpoint,
            ["completion_window"] = window,
        }));

    /// <summary>Waits until a batch has one of some statuses.</summary>
    public async Task<JsonNode> WaitAsync(JsonNode batch, params string[] statuses)
    {
        using var limit = new CancellationTokenSource(s_limit);
        while (true)
        {
            var now = await GetAsync($"/v1/batches/{batch["id"]}");
            if (statuses.Contains((string)now["status"]!))
            {
                return now;
            }

            Assert.False(
                limit.IsCancellationRequested, $"The batch is {now.ToJsonString()}, not {string.Join(" or ", statuses)}.");
            await Task.Delay(20);
        }
    }

    /// <summary>The lines of a file; none where its id is null.</summary>
    public async Task<JsonNode[]> LinesAsync(JsonNode? id)
    {
        if (id is null)
        {
            return [];
        }

        using var request = Request(HttpMethod.Get, $"/v1/files/{id}/content", null);
        using var response = await Client.SendAsync(request);
        response.EnsureSuccessStatusCode();
        var text = await response.Content.ReadAsStringAsync();
        Assert.EndsWith("\n", text);
        return [.. text.TrimEnd('\n').Split('\n').Select(line => JsonNode.Parse(line)!)];
    }

    public Task<JsonNode> GetAsync(string path) => SendAsync(HttpMethod.Get, path, null);

    public async Task<JsonNode> SendAsync(HttpMethod method, string path, HttpContent? content)
    {
        using var request = Request(method, path, content);
        using var response = await Client.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{(int)response.StatusCode}: {body}");
        return JsonNode.Parse(body)!;
    }

    /// <summary>The code of an error with a given status.</summary>
    public async Task<string> RefusedAsync(int status, HttpMethod method, string path, HttpContent? content = null)
    {
        using var request = Request(method, path, content);
        using var response = await Client.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"{(int)response.StatusCode} in place of {status}: {body}");
        var error = JsonNode.Parse(body)!["error"]!;
        Assert.Equal(["message", "type", "param", "code"], error.AsObject().Select(field => field.Key));
        return $"{error["code"]} {error["param"]}".TrimEnd();
    }

    public static StringContent Json(JsonNode json) => new(json.ToJsonString(), Encoding.UTF8, "application/json");

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private HttpRequestMessage Request(HttpMethod method, string path, HttpContent? content)
    {
        var request = new HttpRequestMessage(method, path) { Content = content };
        if (Key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        }

        return request;
    }
}
