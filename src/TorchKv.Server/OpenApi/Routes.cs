using TorchKv.Server.Contracts;
using TorchKv.Server.Running;

namespace TorchKv.Server.OpenApi;

/// <summary>The endpoints: what is mapped, and what <c>/openapi.json</c> describes.</summary>
internal static class Routes
{
    public static readonly ServedRoute Models = new(
        "GET",
        "/v1/models",
        EndpointAccess.Key,
        "The models that are served.")
    {
        Answer = ServerJson.Default.ModelList,
    };

    public static readonly ServedRoute Model = new("GET", "/v1/models/{id}", EndpointAccess.Key, "One model.")
    {
        Answer = ServerJson.Default.ModelCard,
    };

    public static readonly ServedRoute Completions = new(
        "POST",
        "/v1/completions",
        EndpointAccess.Work,
        "Continues prompts.")
    {
        Body = ServerJson.Default.CompletionRequest,
        Answer = ServerJson.Default.Completion,
        Event = ServerJson.Default.Completion,
    };

    public static readonly ServedRoute Chats = new(
        "POST",
        "/v1/chat/completions",
        EndpointAccess.Work,
        "Answers a chat.")
    {
        Body = ServerJson.Default.ChatCompletionRequest,
        Answer = ServerJson.Default.ChatCompletion,
        Event = ServerJson.Default.ChatChunk,
    };

    public static readonly ServedRoute Responses = new(
        "POST",
        "/v1/responses",
        EndpointAccess.Work,
        "Answers a chat in the newer form; nothing is stored.")
    {
        Body = ServerJson.Default.ResponseRequest,
        Answer = ServerJson.Default.ResponseObject,
        Event = ServerJson.Default.ResponseEvent,
    };

    public static readonly ServedRoute RenderCompletion = new(
        "POST",
        "/v1/completions/render",
        EndpointAccess.Work,
        "Shows what a completion would be computed from.")
    {
        Body = ServerJson.Default.CompletionRequest,
        Answer = ServerJson.Default.IReadOnlyListRenderedPrompt,
    };

    public static readonly ServedRoute RenderChat = new(
        "POST",
        "/v1/chat/completions/render",
        EndpointAccess.Work,
        "Shows the prompt that a chat becomes.")
    {
        Body = ServerJson.Default.ChatCompletionRequest,
        Answer = ServerJson.Default.RenderedPrompt,
    };

    public static readonly ServedRoute Tokenize = new(
        "POST",
        "/tokenize",
        EndpointAccess.Work,
        "Turns a text or a chat into token ids.")
    {
        Body = ServerJson.Default.TokenizeRequest,
        Answer = ServerJson.Default.TokenizeResponse,
    };

    public static readonly ServedRoute Detokenize = new(
        "POST",
        "/detokenize",
        EndpointAccess.Work,
        "Turns token ids into a text.")
    {
        Body = ServerJson.Default.DetokenizeRequest,
        Answer = ServerJson.Default.DetokenizeResponse,
    };

    public static readonly ServedRoute Health = new(
        "GET",
        "/health",
        EndpointAccess.Open,
        "Says that the process lives.")
    {
        Answer = ServerJson.Default.StateInfo,
    };

    public static readonly ServedRoute Ready = new(
        "GET",
        "/ready",
        EndpointAccess.Open,
        "Says whether work is taken; 503 while loading and while stopping.")
    {
        Answer = ServerJson.Default.StateInfo,
    };

    public static readonly ServedRoute Version = new("GET", "/version", EndpointAccess.Key, "The server's version.")
    {
        Answer = ServerJson.Default.VersionInfo,
    };

    public static readonly ServedRoute Metrics = new(
        "GET",
        "/metrics",
        EndpointAccess.Metrics,
        "What the server counts, in Prometheus' text format.")
    {
        Media = "text/plain",
    };

    public static readonly ServedRoute OpenApi = new("GET", "/openapi.json", EndpointAccess.Key, "This document.");

    public static readonly ServedRoute Page = new("GET", "/", EndpointAccess.Page, "The live page.")
    {
        Media = "text/html",
    };

    public static readonly ServedRoute PageFile = new(
        "GET",
        "/page/{file}",
        EndpointAccess.Page,
        "A script, style or licence of the live page.")
    {
        Media = "text/plain",
    };

    public static readonly ServedRoute LiveEvents = new(
        "GET",
        "/live/events",
        EndpointAccess.Live,
        "What the engine does, as server-sent events: a snapshot, then what changes.")
    {
        Media = "text/event-stream",
    };

    public static readonly ServedRoute LiveExplain = new(
        "POST",
        "/live/explain",
        EndpointAccess.Live,
        "Says how much of a prompt is cached, and why no more.")
    {
        Body = LiveJson.Default.PrefixQuestion,
        Answer = LiveJson.Default.PrefixAnswer,
    };

    /// <summary>For routers; not described, since it belongs to the server and changes with it.</summary>
    public static readonly ServedRoute InternalStatus = new(
        "GET", "/internal/status", EndpointAccess.Internal, "What a replica is and how busy it is.");

    /// <summary>For routers, as <see cref="InternalStatus"/>.</summary>
    public static readonly ServedRoute InternalGenerate = new(
        "POST", "/internal/generate", EndpointAccess.InternalWork, "Generates from token ids.");

    public static IReadOnlyList<ServedRoute> All { get; } =
    [
        Models, Model, Completions, Chats, Responses, RenderCompletion, RenderChat, Tokenize, Detokenize,
        Health, Ready, Version, Metrics, OpenApi,
        Page, PageFile, LiveEvents, LiveExplain,
    ];
}
