using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using TorchKv.Server.Configuration;
using TorchKv.Server.Errors;
using TorchKv.Server.Metrics;
using TorchKv.Server.Models;
using TorchKv.Server.Security;

namespace TorchKv.Server.Running;

/// <summary>What happens around every endpoint: names, keys, limits, errors and counts.</summary>
/// <remarks>
/// It belongs to the endpoints rather than to the application, so that it holds wherever they are mounted.
/// </remarks>
internal sealed partial class RequestPipeline(
    TorchKvServerOptions options,
    ApiKeys keys,
    LiveAccess live,
    InternalAccess routers,
    HostCheck hosts,
    RateLimits limits,
    Drain drain,
    ModelHost models,
    ServerMetrics metrics,
    TimeProvider time,
    ILogger<RequestPipeline> logger)
{
    /// <summary>nginx's status for a client that left.</summary>
    private const int ClientLeft = 499;

    /// <summary>An endpoint with all that happens around it.</summary>
    /// <param name="inner">The endpoint.</param>
    /// <param name="access">What a request to it needs.</param>
    /// <param name="handler">Its name in metrics: its path.</param>
    public RequestDelegate Wrap(RequestDelegate inner, EndpointAccess access, string handler)
        => context => RunAsync(context, inner, access, handler);

    private async Task RunAsync(HttpContext context, RequestDelegate inner, EndpointAccess access, string handler)
    {
        var call = Begin(context);
        var (isIn, hasLeft) = (false, false);
        try
        {
            hosts.Check(context);
            call.IsInternal = routers.IsInternal(context);
            call.Key = Authenticate(context, access, call);
            if (access is EndpointAccess.Work or EndpointAccess.InternalWork)
            {
                drain.Enter();
                isIn = true;
                _ = models.Use();
                if (!call.IsInternal)
                {
                    limits.Take(context, call.Key);
                }
            }

            await inner(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client left, so nothing can be answered.
            hasLeft = true;
            SetStatus(context, ClientLeft);
        }
        catch (Exception e)
        {
            await FailAsync(context, call, e).ConfigureAwait(false);
        }
        finally
        {
            if (isIn)
            {
                drain.Leave();
            }

            var status = context.Response.StatusCode / 100;
            metrics.HttpRequests.Add($"handler=\"{handler}\",method=\"{MethodOf(context)}\",status=\"{status}xx\"");
            var elapsed = time.GetElapsedTime(call.StartedAt);
            metrics.HttpDuration.Observe(elapsed.TotalSeconds);
            LogEnded(
                logger,
                call.RequestId,
                handler,
                hasLeft ? ClientLeft : context.Response.StatusCode,
                elapsed.TotalMilliseconds);
        }
    }

    private Call Begin(HttpContext context)
    {
        var shown = context.Request.Headers["x-request-id"].ToString();
        var call = new Call(RequestIds.IsSane(shown) ? shown : "req_" + RequestIds.New(), time.GetTimestamp());
        context.Features.Set(call);
        context.Response.Headers["x-request-id"] = call.RequestId;
        return call;
    }

    /// <summary>The caller's key; null where none is needed.</summary>
    private ApiKey? Authenticate(HttpContext context, EndpointAccess access, Call call)
    {
        switch (access)
        {
            case EndpointAccess.Internal or EndpointAccess.InternalWork:
                routers.Check(context);
                return null;
            case EndpointAccess.Open:
            case EndpointAccess.Metrics when options.OpenMetrics:
                return null;
            case EndpointAccess.Page when keys.HasAdmin:
                return null;
            case EndpointAccess.Page or EndpointAccess.Live:
                return live.Check(context);
            default:
                return keys.AreNeeded && !call.IsInternal ? keys.Authenticate(context) : null;
        }
    }

    private async Task FailAsync(HttpContext context, Call call, Exception e)
    {
        var error = ErrorMap.Of(e);
        metrics.Rejected.Add(error.Code ?? "error");
        if (error.Status >= 500 && error.Status != StatusCodes.Status503ServiceUnavailable)
        {
            LogFailure(logger, call.RequestId, context.TraceIdentifier, e);
        }

        if (context.Response.HasStarted)
        {
            // Too late for an error that a client could read: cutting the connection is the only sign left.
            context.Abort();
            return;
        }

        if (models.State == ServerState.Draining)
        {
            context.Response.Headers.Connection = "close";
        }

        await ErrorAnswer.WriteAsync(context, error).ConfigureAwait(false);
    }

    private static void SetStatus(HttpContext context, int status)
    {
        if (!context.Response.HasStarted)
        {
            context.Response.StatusCode = status;
        }
    }

    /// <summary>A method for a label: of what anybody may send, the usual ones.</summary>
    private static string MethodOf(HttpContext context) => context.Request.Method switch
    {
        "GET" or "POST" or "HEAD" or "OPTIONS" or "PUT" or "DELETE" or "PATCH" => context.Request.Method,
        _ => "other",
    };

    // Nothing of the body: prompts and answers are their callers'.
    [LoggerMessage(
        LogLevel.Information,
        "Request {RequestId} to {Endpoint} ended with status {Status} after {Milliseconds:0.0} ms.")]
    private static partial void LogEnded(
        ILogger logger,
        string requestId,
        string endpoint,
        int status,
        double milliseconds);

    [LoggerMessage(LogLevel.Error, "Request {RequestId} ({TraceIdentifier}) failed.")]
    private static partial void LogFailure(ILogger logger, string requestId, string traceIdentifier, Exception error);
}
