using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Contracts.Live;
using TorchKv.Server.Answers;
using TorchKv.Server.Configuration;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Live;
using TorchKv.Server.Models;
using TorchKv.Server.Requests;
using TorchKv.Server.Running;

namespace TorchKv.Server.Endpoints;

/// <summary>The live page's feed, and its question why a prompt is not cached.</summary>
internal sealed class LiveEndpoints(
    TorchKvServerOptions options,
    ModelHost models,
    LiveFeed feed,
    IHostApplicationLifetime lifetime,
    TimeProvider time)
{
    /// <summary>Sends events until the viewer leaves, does not read, or the server stops.</summary>
    public async Task EventsAsync(HttpContext context)
    {
        if (HttpMethods.IsHead(context.Request.Method))
        {
            return;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, lifetime.ApplicationStopping);
        var viewer = feed.Join(context.Request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } id ? id : null);
        try
        {
            await SendAsync(context, viewer, stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The viewer left, or the server stops.
        }
        catch (Exception e) when (context.Response.HasStarted && e is TimeoutException or TorchKvException)
        {
            context.Abort();
        }
        finally
        {
            feed.Leave(viewer);
        }
    }

    /// <summary>Says how much of a prompt is cached, and why no more.</summary>
    public async Task ExplainAsync(HttpContext context)
    {
        var question = await BodyReader.ReadAsync(
            context, LiveJson.Default.PrefixQuestion, options.MaxBodyBytes).ConfigureAwait(false);
        var prompt = question.Prompt
            ?? throw ApiException.Invalid("prompt", "prompt is missing.", "missing_field");
        var model = models.Use();
        PromptLimit.Check(prompt.Length, model, "prompt");
        var ids = model.Tokenizer.Encode(prompt, recognizeSpecialTokens: false);
        var salt = Call.Of(context).CacheSalt(question.CacheSalt);
        var report = await feed.Engine().ExplainPrefixAsync(ids, salt).ConfigureAwait(false);
        var answer = new PrefixAnswer
        {
            Report = options.PageText ? report : report with { NearestTokens = null },
            Sentence = PrefixSentences.Of(report),
            Texts = LiveTexts.Of(model.Tokenizer, report.Tokens),
            NearestTexts = options.PageText && report.NearestTokens is { } nearest
                ? LiveTexts.Of(model.Tokenizer, nearest)
                : null,
        };
        await JsonAnswer.WriteAsync(
            context,
            JsonSerializer.SerializeToUtf8Bytes(answer, LiveJson.Answers.PrefixAnswer)).ConfigureAwait(false);
    }

    private async Task SendAsync(HttpContext context, LiveViewer viewer, CancellationToken stop)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache, no-store";
        response.Headers["X-Accel-Buffering"] = "no";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        await response.StartAsync(stop).ConfigureAwait(false);
        while (true)
        {
            var more = viewer.Events.WaitToReadAsync(stop).AsTask();
            var quiet = Task.Delay(options.KeepAliveInterval, time, stop);
            if (await Task.WhenAny(more, quiet).ConfigureAwait(false) != more && !stop.IsCancellationRequested)
            {
                await WriteAsync(response, ": keep-alive\n\n"u8.ToArray(), stop).ConfigureAwait(false);
            }

            if (!await more.ConfigureAwait(false))
            {
                break;
            }

            while (viewer.Events.TryRead(out var next))
            {
                await WriteAsync(response, next.Bytes, stop).ConfigureAwait(false);
            }
        }

        if (viewer.IsSlow)
        {
            context.Abort();
        }
    }

    private Task WriteAsync(HttpResponse response, byte[] bytes, CancellationToken stop) =>
        response.Body.WriteAsync(bytes, stop).AsTask().WaitAsync(options.SlowReaderTimeout, time, stop);
}
