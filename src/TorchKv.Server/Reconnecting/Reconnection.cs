using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Internal;
using TorchKv.Server.Requests;
using TorchKv.Server.Resuming;
using TorchKv.Server.Running;

namespace TorchKv.Server.Reconnecting;

/// <summary>
/// Makes a request repeatable that has an idempotency key, and lets its client come back with the id of the last event
/// that it received: it gets the rest of the stream, byte for byte.
/// </summary>
/// <remarks>
/// The key decides what the request leaves open: the seed and the answer's id. So every server gives the same answer,
/// also one that knows nothing of the stream and generates it again from the start.
/// </remarks>
internal sealed class Reconnection(IStreamJournal journal)
{
    private const int LongestKey = 255;

    /// <summary>The plan of a request, with what its headers or a router say of an earlier stream.</summary>
    /// <param name="context">The request.</param>
    /// <param name="plan">What the body asks for.</param>
    /// <param name="resume">Where a router says that a stream was cut; null: it says nothing.</param>
    /// <param name="ownId">Whether the request names the answer's id.</param>
    /// <exception cref="ApiException">A header or the field is not this request's.</exception>
    public async ValueTask<GenerationPlan> ApplyAsync(
        HttpContext context, GenerationPlan plan, ResumeFields? resume, bool ownId)
    {
        var call = Call.Of(context);
        var lastEventId = context.Request.Headers["Last-Event-ID"].ToString();
        if (resume is not null)
        {
            return Resumed(plan, resume);
        }

        if (context.Request.Headers["Idempotency-Key"].ToString() is not { Length: > 0 } shown)
        {
            return lastEventId.Length == 0
                ? plan with { HasEventIds = call.IsInternal && plan.IsStream }
                : throw ApiException.Invalid(
                    "Last-Event-ID",
                    "Last-Event-ID needs the Idempotency-Key that the request had before: it names the stream.",
                    "missing_field");
        }

        if (shown.Length > LongestKey || lastEventId.Length > 4096)
        {
            throw ApiException.Invalid(
                "Idempotency-Key",
                $"Idempotency-Key must have 1 to {LongestKey} characters, Last-Event-ID at most 4096.");
        }

        var key = SHA256.HashData(Encoding.UTF8.GetBytes($"{call.Key?.Name}\n{shown}"));
        var fingerprint = Fingerprint(plan);
        plan = Decided(plan, [.. key, .. fingerprint], ownId);
        if (!plan.IsStream)
        {
            return plan;
        }

        var found = await journal.FindAsync(key, context.RequestAborted).ConfigureAwait(false);
        if (found is not null && !found.Fingerprint.AsSpan().SequenceEqual(fingerprint))
        {
            throw new ApiException(
                StatusCodes.Status422UnprocessableEntity,
                ApiException.InvalidRequest,
                "idempotency_key_reused",
                "Idempotency-Key",
                "The Idempotency-Key was used for another request.");
        }

        var point = lastEventId.Length == 0 ? null : Point(plan, lastEventId, found?.Ids);
        var record = new StreamRecord(
            fingerprint, found?.Created ?? plan.Created, point?.Ids ?? [.. Enumerable.Repeat<int[]>([], plan.Choices)]);
        return plan with
        {
            HasEventIds = true,
            Created = record.Created,
            Resume = point,
            Recorder = journal.Begin(key, record),
        };
    }

    private static GenerationPlan Resumed(GenerationPlan plan, ResumeFields resume)
    {
        if (!plan.IsStream)
        {
            throw ApiException.Invalid("resume", "resume is of use only with stream true.");
        }

        var point = Point(plan, resume.LastEventId, resume.TokenIds);
        var options = plan.Prompts[0].Options;
        return options is { IsGreedy: false, Seed: null }
            ? throw ApiException.Invalid("seed", "A request without a seed cannot be resumed: its draws were others.")
            : plan with
            {
                HasEventIds = true,
                Resume = point,
                Id = resume.Id ?? plan.Id,
                Created = resume.Created ?? plan.Created,
            };
    }

    private static ResumePoint Point(
        GenerationPlan plan, string? lastEventId, IReadOnlyList<IReadOnlyList<int>>? known)
    {
        var point = ResumePoint.Of(lastEventId, known, plan.Choices);

        // The prompt's log-probabilities come with the first token, and all choices show them.
        return plan is { Echoes: true, LogProbs: not null } ? point.WithoutIds() : point;
    }

    /// <summary>The same plan with what the request leaves open decided by its key.</summary>
    private static GenerationPlan Decided(GenerationPlan plan, byte[] name, bool ownId)
    {
        var digest = SHA256.HashData(name);
        var seed = BinaryPrimitives.ReadUInt64LittleEndian(digest);
        var prefix = plan.Id[..(plan.Id.IndexOfAny(['-', '_']) + 1)];
        return plan with
        {
            Id = ownId ? plan.Id : prefix + Convert.ToHexStringLower(digest.AsSpan(8, 16)),
            Prompts =
            [
                .. plan.Prompts.Select((prompt, i) => prompt with
                {
                    Options = prompt.Options with { Seed = prompt.Options.Seed ?? seed + (ulong)i },
                }),
            ],
        };
    }

    private static byte[] Fingerprint(GenerationPlan plan)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(
            $"{plan.PromptField} {plan.Model.Id} {plan.Echoes} {plan.LogProbs} {plan.ChatTemplate} {plan.IncludesUsage}"
            + $" {plan.ReportsRunningUsage} {plan.ReturnsTokenIds} {plan.NamesTokensByIds} {plan.TrimsAnswerStart}\n"));
        foreach (var prompt in plan.Prompts)
        {
            hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(
                new InternalRequest { PromptTokenIds = prompt.Ids, Options = prompt.Options },
                InternalJson.Default.InternalRequest));
        }

        return hash.GetHashAndReset();
    }
}
