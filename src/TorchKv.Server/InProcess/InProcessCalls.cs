using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using TorchKv.Server.Contracts;
using TorchKv.Server.Endpoints;
using TorchKv.Server.Errors;
using TorchKv.Server.Models;
using TorchKv.Server.OpenApi;
using TorchKv.Server.Running;
using TorchKv.Server.Security;

namespace TorchKv.Server.InProcess;

/// <summary>
/// Answers a request's body without HTTP: by the same endpoints, so the answer has the bytes that a client would get.
/// Key, rate limit and drain are the caller's: batches have other rules than callers over HTTP.
/// </summary>
internal sealed partial class InProcessCalls(
    GenerationEndpoints endpoints,
    ModelHost models,
    TimeProvider time,
    ILogger<InProcessCalls> logger)
{
    /// <summary>The paths that can be called.</summary>
    public static IReadOnlyList<string> Paths { get; } =
        [Routes.Chats.Path, Routes.Completions.Path, Routes.Responses.Path];

    /// <summary>Answers a body. What is wrong with it is an answer too.</summary>
    /// <param name="path">One of <see cref="Paths"/>.</param>
    /// <param name="body">The body, as JSON.</param>
    /// <param name="key">The key whose request it is; null: none.</param>
    /// <param name="call">What the answer must repeat.</param>
    /// <param name="cancellationToken">Ends the request's generations within a step.</param>
    /// <exception cref="OperationCanceledException">It was cancelled; there is no answer.</exception>
    public async Task<InProcessAnswer> AnswerAsync(
        string path,
        ReadOnlyMemory<byte> body,
        ApiKey? key,
        RepeatableCall call,
        CancellationToken cancellationToken)
    {
        using var answer = new MemoryStream();
        var context = new DefaultHttpContext { RequestAborted = cancellationToken };
        context.Features.Set(new Call("req_" + call.Name, time.GetTimestamp()) { Key = key, Repeatable = call });
        context.Request.Method = HttpMethods.Post;
        context.Request.Path = path;
        context.Request.Host = new HostString("localhost");
        context.Request.ContentType = "application/json";
        context.Request.ContentLength = body.Length;
        using var content = new MemoryStream(body.ToArray(), writable: false);
        context.Request.Body = content;
        context.Response.Body = answer;
        try
        {
            _ = models.Use();
            await EndpointOf(path)(context).ConfigureAwait(false);
            return new InProcessAnswer(context.Response.StatusCode, Code: null, answer.ToArray());
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            var error = ErrorMap.Of(e);
            if (error.Status == StatusCodes.Status500InternalServerError)
            {
                LogFailure(logger, "req_" + call.Name, e);
            }

            return new InProcessAnswer(
                error.Status,
                error.Code,
                JsonSerializer.SerializeToUtf8Bytes(ErrorAnswer.Of(error), ServerJson.Answers.ErrorResponse));
        }
    }

    private RequestDelegate EndpointOf(string path) =>
        path == Routes.Chats.Path ? endpoints.ChatAsync
        : path == Routes.Completions.Path ? endpoints.CompletionAsync
        : path == Routes.Responses.Path ? endpoints.ResponseAsync
        : throw new ArgumentException($"{path} cannot be called without HTTP.", nameof(path));

    // Nothing of the body: prompts and answers are their callers'.
    [LoggerMessage(LogLevel.Error, "Request {RequestId} of a batch failed.")]
    private static partial void LogFailure(ILogger logger, string requestId, Exception error);
}
