using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Answers;
using TorchKv.Server.Configuration;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Models;
using TorchKv.Server.Reconnecting;
using TorchKv.Server.Requests;
using TorchKv.Server.Running;

namespace TorchKv.Server.Endpoints;

/// <summary>The endpoints that generate, and those that show what they would generate from.</summary>
internal sealed partial class GenerationEndpoints(
    TorchKvServerOptions options,
    ModelHost models,
    CompletionRequests completions,
    ChatRequests chats,
    ResponseRequests responses,
    Reconnection reconnection,
    AnswerRunner runner,
    ILogger<GenerationEndpoints> logger)
{
    public async Task CompletionAsync(HttpContext context)
    {
        var (plan, request) = await PlanCompletionAsync(context).ConfigureAwait(false);
        plan = await reconnection.ApplyAsync(context, plan, request.Resume, request.RequestId is not null)
            .ConfigureAwait(false);
        await runner.AnswerAsync(context, plan, new CompletionAnswer(plan)).ConfigureAwait(false);
    }

    public async Task ChatAsync(HttpContext context)
    {
        var (plan, request) = await PlanChatAsync(context).ConfigureAwait(false);
        plan = await reconnection.ApplyAsync(context, plan, request.Resume, request.RequestId is not null)
            .ConfigureAwait(false);
        await runner.AnswerAsync(context, plan, new ChatAnswer(plan)).ConfigureAwait(false);
    }

    public async Task ResponseAsync(HttpContext context)
    {
        var request = await ReadAsync(context, ServerJson.Default.ResponseRequest).ConfigureAwait(false);
        CheckResume(context, request.Resume);
        var plan = Plan(
            context,
            "input",
            () => responses.Plan(request, models.Find(request.Model), Call.Of(context).CacheSalt));
        plan = await reconnection.ApplyAsync(context, plan, request.Resume, ownId: false).ConfigureAwait(false);
        await runner.AnswerAsync(context, plan, new ResponseAnswer(plan, request)).ConfigureAwait(false);
    }

    public async Task RenderCompletionAsync(HttpContext context)
    {
        var (plan, _) = await PlanCompletionAsync(context).ConfigureAwait(false);
        await JsonAnswer.WriteAsync(
            context,
            RenderAnswer.Write([.. Enumerable.Range(0, plan.Prompts.Count).Select(i => RenderAnswer.Of(plan, i))]))
            .ConfigureAwait(false);
    }

    public async Task RenderChatAsync(HttpContext context)
    {
        var (plan, _) = await PlanChatAsync(context).ConfigureAwait(false);
        await JsonAnswer.WriteAsync(context, RenderAnswer.Write(RenderAnswer.Of(plan, 0))).ConfigureAwait(false);
    }

    private async Task<(GenerationPlan Plan, CompletionRequest Request)> PlanCompletionAsync(HttpContext context)
    {
        var request = await ReadAsync(context, ServerJson.Default.CompletionRequest).ConfigureAwait(false);
        CheckResume(context, request.Resume);
        var plan = Plan(
            context,
            "prompt",
            () => completions.Plan(request, models.Find(request.Model), Call.Of(context).CacheSalt));
        return (plan, request);
    }

    private async Task<(GenerationPlan Plan, ChatCompletionRequest Request)> PlanChatAsync(HttpContext context)
    {
        var request = await ReadAsync(context, ServerJson.Default.ChatCompletionRequest).ConfigureAwait(false);
        CheckResume(context, request.Resume);
        var plan = Plan(
            context,
            "messages",
            () => chats.Plan(request, models.Find(request.Model), Call.Of(context).CacheSalt));
        return (plan, request);
    }

    /// <summary>A stranger who chose the ids of an answer would make the model say what it did not.</summary>
    private static void CheckResume(HttpContext context, ResumeFields? resume)
    {
        if (resume is not null && !Call.Of(context).IsInternal)
        {
            throw ApiException.Invalid(
                "resume", "resume is a router's field: it needs the internal port or key.", "internal_field");
        }
    }

    private Task<T> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class
        => BodyReader.ReadAsync(context, type, options.MaxBodyBytes);

    private GenerationPlan Plan(HttpContext context, string promptField, Func<GenerationPlan> make)
    {
        try
        {
            var plan = make();
            if (plan.IgnoredFields.Count > 0)
            {
                ShowIgnored(context, plan.IgnoredFields);
            }

            return plan;
        }
        catch (TorchKvException e)
        {
            throw ErrorMap.Of(e, promptField);
        }
    }

    private void ShowIgnored(HttpContext context, IReadOnlyList<string> fields)
    {
        // Names come from the caller: only those that can stand in a header are shown.
        var shown = string.Join(", ", fields.Where(Security.RequestIds.IsSane).Take(16));
        context.Response.Headers["x-torchkv-ignored-fields"] = shown;
        LogIgnored(logger, Call.Of(context).RequestId, shown);
    }

    [LoggerMessage(LogLevel.Warning, "Request {RequestId} has fields that change nothing: {Fields}.")]
    private static partial void LogIgnored(ILogger logger, string requestId, string fields);
}
