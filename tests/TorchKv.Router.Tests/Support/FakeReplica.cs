using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.Server.Internal;

namespace TorchKv.Router.Tests.Support;

/// <summary>A replica that says a fixed text, and fails in the way that a test gives.</summary>
internal sealed class FakeReplica : IAsyncDisposable
{
    public const string Says = " Once upon a time there was a cat.";

    private readonly WebApplication _app;
    private readonly IReadOnlyList<int> _ids;
    private readonly Gpt2Tokenizer _tokenizer;

    private FakeReplica(WebApplication app, Gpt2Tokenizer tokenizer, string name)
    {
        (_app, _tokenizer, Name) = (app, tokenizer, name);
        _ids = tokenizer.Encode(Says);
    }

    public string Name { get; }

    public string State { get; set; } = "ready";

    public string? Identity { get; set; } = "same";

    /// <summary>What it does with a request; null: it answers as it should.</summary>
    public Func<FakeAnswer, Task>? Behaviour { get; set; }

    public ConcurrentQueue<InternalRequest> Requests { get; } = new();

    public ConcurrentQueue<IHeaderDictionary> Headers { get; } = new();

    /// <summary>Done when a request's connection was closed before its end.</summary>
    public TaskCompletionSource Left { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features
        .Get<IServerAddressesFeature>()!.Addresses.Single());

    public static async Task<FakeReplica> StartAsync(Gpt2Tokenizer tokenizer, string name)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddRouting();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        var replica = new FakeReplica(app, tokenizer, name);
        app.MapGet("/internal/status", replica.StatusAsync);
        app.MapPost("/internal/generate", replica.GenerateAsync);
        await app.StartAsync();
        return replica;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private Task StatusAsync(HttpContext context) => context.Response.WriteAsync(JsonSerializer.Serialize(
        new ReplicaStatus
        {
            StartId = Name,
            Name = Name,
            State = State,
            Version = "1",
            Identity = Identity,
            VocabSize = _tokenizer.VocabSize,
            ContextLength = 512,
            BlockSize = 16,
            Blocks = 100,
            FreeBlocks = 100,
        },
        InternalJson.Default.ReplicaStatus));

    private async Task GenerateAsync(HttpContext context)
    {
        var request = (await JsonSerializer.DeserializeAsync(
            context.Request.Body, InternalJson.Default.InternalRequest))!;
        Requests.Enqueue(request);
        Headers.Enqueue(new HeaderDictionary(context.Request.Headers.ToDictionary()));
        var answer = new FakeAnswer(context, Events(request));
        try
        {
            await (Behaviour ?? (all => all.SendAsync()))(answer);
        }
        catch (OperationCanceledException)
        {
            Left.TrySetResult();
        }
    }

    /// <summary>The events of a request, from where its options say that it goes on.</summary>
    private List<string> Events(InternalRequest request)
    {
        var events = new List<string>();
        var most = Math.Min(_ids.Count, request.Options.MaxNewTokens);
        for (var i = request.Options.GeneratedBefore; i < most; i++)
        {
            for (var row = 0; row < request.Options.Samples; row++)
            {
                var isLast = i + 1 == most;
                var piece = new InternalPiece
                {
                    Row = row,
                    Text = _tokenizer.Decode([_ids[i]]),
                    TokenIds = [_ids[i]],
                    FinishReason = isLast ? FinishReason.Length : null,
                    Usage = isLast ? new Usage(request.PromptTokenIds.Count - request.Options.GeneratedBefore, most) : null,
                };
                var count = i + 1 - request.Options.GeneratedBefore;
                var choice = request.Options.Samples > 1 ? $"{row}/" : "";
                events.Add($"id: {choice}{count} {_ids[i]}\ndata: "
                    + JsonSerializer.Serialize(piece, InternalJson.Default.InternalPiece) + "\n\n");
            }
        }

        events.Add("data: [DONE]\n\n");
        return events;
    }
}
