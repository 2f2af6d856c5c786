using System.Text.Json;
using Microsoft.AspNetCore.Http;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Answers;
using TorchKv.Server.Configuration;
using TorchKv.Server.Errors;
using TorchKv.Server.Internal;
using TorchKv.Server.Models;
using TorchKv.Server.Requests;
using TorchKv.Server.Running;
using TorchKv.Server.Security;

namespace TorchKv.Server.Endpoints;

/// <summary>What a replica has for the routers in front of it.</summary>
internal sealed class InternalEndpoints(TorchKvServerOptions options, ModelHost models, AnswerRunner runner)
{
    /// <summary>
    /// A stream that is silent for longer than a router's shortest stall limit would be taken for a stalled one.
    /// </summary>
    private static readonly TimeSpan s_keepAlive = TimeSpan.FromMilliseconds(400);

    private readonly string _startId = Security.RequestIds.New();

    /// <summary>What the replica is and how busy it is.</summary>
    public Task StatusAsync(HttpContext context)
    {
        var model = models.Current;
        var load = model?.Generator.Load ?? default;
        var shape = model?.Generator.Model;
        var status = new ReplicaStatus
        {
            StartId = _startId,
            Name = options.ReplicaName ?? Environment.MachineName + ":" + Environment.ProcessId,
            State = models.State.ToString().ToLowerInvariant(),
            Version = StateEndpoints.VersionText(),
            Model = model?.Id,
            Identity = model?.Identity,
            Runner = model?.Runner,
            VocabSize = shape?.VocabSize ?? 0,
            ContextLength = shape?.ContextLength ?? 0,
            BlockSize = load.BlockSize,
            Blocks = load.TotalBlocks,
            FreeBlocks = load.FreeBlocks,
            Queued = load.QueuedRequests,
            Running = load.RunningRequests,
        };
        return JsonAnswer.WriteAsync(
            context, JsonSerializer.SerializeToUtf8Bytes(status, InternalJson.Default.ReplicaStatus));
    }

    /// <summary>Generates from a prompt's ids; the options may say that some of them were generated before.</summary>
    public async Task GenerateAsync(HttpContext context)
    {
        var request = await BodyReader.ReadAsync(context, InternalJson.Default.InternalRequest, options.MaxBodyBytes)
            .ConfigureAwait(false);
        var model = models.Use();
        try
        {
            request.Options.Validate();
        }
        catch (TorchKvException e)
        {
            throw ErrorMap.Of(e, "prompt_token_ids");
        }

        var plan = new GenerationPlan
        {
            Id = Call.Of(context).RequestId,
            Model = model,
            PromptField = "prompt",
            Prompts = [new PlannedPrompt(request.PromptTokenIds, request.Options)],
            Samples = request.Options.Samples,
            IsStream = true,
            HasEventIds = true,
            KeepAliveInterval = s_keepAlive,
        };
        await runner.AnswerAsync(context, plan, new PieceAnswer(plan)).ConfigureAwait(false);
    }
}
