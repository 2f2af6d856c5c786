using System.Buffers;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using TorchKv.Server.Answers;
using TorchKv.Server.Configuration;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Metrics;
using TorchKv.Server.Models;
using TorchKv.Server.OpenApi;

namespace TorchKv.Server.Endpoints;

/// <summary>What the server is, how it is, and what it counts.</summary>
internal sealed class StateEndpoints(TorchKvServerOptions options, ModelHost models, MetricsPage page)
{
    private static readonly byte[] Version = JsonSerializer.SerializeToUtf8Bytes(
        new VersionInfo { Version = VersionText() },
        ServerJson.Answers.VersionInfo);

    public Task ModelsAsync(HttpContext context)
        => JsonAnswer.WriteAsync(
            context,
            JsonSerializer.SerializeToUtf8Bytes(
                new ModelList { Data = [Card(models.Use())] },
                ServerJson.Answers.ModelList));

    public Task ModelAsync(HttpContext context)
    {
        var model = models.Find((string?)context.Request.RouteValues["id"]);
        return JsonAnswer.WriteAsync(
            context,
            JsonSerializer.SerializeToUtf8Bytes(Card(model), ServerJson.Answers.ModelCard));
    }

    /// <summary>The process lives. A load balancer asks <see cref="ReadyAsync"/>.</summary>
    public Task HealthAsync(HttpContext context)
    {
        // A router has nothing that a probe could save by waiting: it fails at once, so that it gets no new streams.
        var leaves = models.State == ServerState.Draining && models.Current?.CanWork is not null;
        if (leaves)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        }

        return JsonAnswer.WriteAsync(context, State(leaves ? "draining" : "ok"));
    }

    public Task ReadyAsync(HttpContext context)
    {
        var state = models.State;
        var isAlone = state == ServerState.Ready && models.Current?.CanWork?.Invoke() == false;
        if (state != ServerState.Ready || isAlone)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            context.Response.Headers.RetryAfter = 1.ToString(CultureInfo.InvariantCulture);
        }

        return JsonAnswer.WriteAsync(context, State(isAlone ? "no_replica" : state.ToString().ToLowerInvariant()));
    }

    public Task VersionAsync(HttpContext context) => JsonAnswer.WriteAsync(context, Version);

    public async Task MetricsAsync(HttpContext context)
    {
        var text = new ArrayBufferWriter<byte>(64 * 1024);
        var model = models.Current;
        page.Write(text, model, model?.Id ?? options.ModelName ?? "");
        context.Response.ContentType = PrometheusText.ContentType;
        context.Response.ContentLength = text.WrittenCount;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(text.WrittenMemory, context.RequestAborted).ConfigureAwait(false);
        }
    }

    public Task OpenApiAsync(HttpContext context) => JsonAnswer.WriteAsync(context, OpenApiDocument.Json);

    /// <summary>What no endpoint answers.</summary>
    public static Task UnknownAsync(HttpContext context)
    {
        var path = context.Request.Path.Value ?? "";
        var known = Routes.All.Where(route => route.Matches(path)).Select(route => route.Method).ToArray();
        if (known.Length == 0)
        {
            throw new ApiException(
                404,
                ApiException.InvalidRequest,
                "unknown_url",
                null,
                "There is nothing at this URL.");
        }

        context.Response.Headers.Allow = string.Join(", ", known);
        throw new ApiException(
            405,
            ApiException.InvalidRequest,
            "method_not_allowed",
            null,
            $"This URL takes {string.Join(" and ", known)}.");
    }

    /// <summary>The version that the server says it is.</summary>
    public static string VersionText()
        => typeof(StateEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?
            .InformationalVersion.Split('+')[0] ?? "0";

    private static byte[] State(string status)
        => JsonSerializer.SerializeToUtf8Bytes(new StateInfo { Status = status }, ServerJson.Answers.StateInfo);

    private static ModelCard Card(ServedModel model) => new()
    {
        Id = model.Id,
        Created = model.CreatedAt.ToUnixTimeSeconds(),
        Root = model.Id,
        MaxModelLen = model.Generator.Model.ContextLength,
    };
}
