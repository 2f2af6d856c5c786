using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using TorchKv.Batch.Configuration;
using TorchKv.Batch.Contracts;
using TorchKv.Batch.Store;
using TorchKv.Server.Answers;
using TorchKv.Server.Configuration;
using TorchKv.Server.Errors;
using TorchKv.Server.InProcess;
using TorchKv.Server.Requests;
using static TorchKv.Batch.Endpoints.StoreCalls;

namespace TorchKv.Batch.Endpoints;

/// <summary>Batches: made, shown, listed and cancelled. Each key sees its own.</summary>
internal sealed class BatchEndpoints(
    BatchStore batches, FileStore files, BatchOptions options, TorchKvServerOptions server)
{
    private const int MostPairs = 16;
    private const int LongestName = 64;
    private const int LongestText = 512;
    private static readonly TimeSpan LongestWindow = TimeSpan.FromDays(30);

    public async Task CreateAsync(HttpContext context)
    {
        var request = await BodyReader.ReadAsync(context, BatchJson.Default.BatchRequest, server.MaxBodyBytes)
            .ConfigureAwait(false);
        var tenant = TenantOf(context);
        var batch = new NewBatch(
            tenant,
            EndpointOf(request),
            request.InputFileId
                ?? throw ApiException.Invalid("input_file_id", "input_file_id is missing.", "missing_field"),
            request.CompletionWindow ?? "",
            WindowOf(request.CompletionWindow),
            MetadataOf(request),
            SecondsOf(request));
        var file = await AskAsync(files.FindAsync(tenant, batch.InputFileId, context.RequestAborted))
            .ConfigureAwait(false) ?? throw NotFound("file", batch.InputFileId, "input_file_id");
        if (file.Purpose != "batch")
        {
            throw ApiException.Invalid("input_file_id", "input_file_id must be a file of the purpose batch.");
        }

        var made = await AskAsync(batches.AddAsync(batch, options.MaxOpenBatches, context.RequestAborted))
            .ConfigureAwait(false) ?? throw new ApiException(
                429,
                ApiException.RateLimit,
                "too_many_batches",
                null,
                $"{options.MaxOpenBatches} batches are not finished; more can be made when one is.")
            { RetryAfterSeconds = 60 };
        await WriteAsync(context, made).ConfigureAwait(false);
    }

    public async Task BatchAsync(HttpContext context) =>
        await WriteAsync(context, await FindAsync(context, IdOf(context)).ConfigureAwait(false)).ConfigureAwait(false);

    public async Task ListAsync(HttpContext context)
    {
        var limit = LimitOf(context, usual: 20, most: 100);
        var after = context.Request.Query["after"].ToString() is { Length: > 0 } id
            ? (await FindAsync(context, id, "after").ConfigureAwait(false)).No
            : (long?)null;
        var found = await AskAsync(batches.ListAsync(TenantOf(context), after, limit + 1, context.RequestAborted))
            .ConfigureAwait(false);
        BatchObject[] shown = [.. found.Take(limit).Select(Show)];
        var list = new BatchList
        {
            Data = shown,
            FirstId = shown.FirstOrDefault()?.Id,
            LastId = shown.LastOrDefault()?.Id,
            HasMore = found.Count > limit,
        };
        await JsonAnswer.WriteAsync(
            context, JsonSerializer.SerializeToUtf8Bytes(list, BatchJson.Answers.BatchList)).ConfigureAwait(false);
    }

    public async Task CancelAsync(HttpContext context)
    {
        var id = IdOf(context);
        var batch = await AskAsync(batches.CancelAsync(TenantOf(context), id, context.RequestAborted))
            .ConfigureAwait(false) ?? throw NotFound("batch", id);
        if (batch.Status is not ("cancelling" or "cancelled"))
        {
            throw new ApiException(
                409, ApiException.InvalidRequest, "batch_not_cancellable", "id", $"{id} is {batch.Status} already.");
        }

        await WriteAsync(context, batch).ConfigureAwait(false);
    }

    private async Task<StoredBatch> FindAsync(HttpContext context, string id, string param = "id") =>
        await AskAsync(batches.FindAsync(TenantOf(context), id, context.RequestAborted)).ConfigureAwait(false)
            ?? throw NotFound("batch", id, param);

    private static string EndpointOf(BatchRequest request) =>
        request.Endpoint is not { } endpoint
            ? throw ApiException.Invalid("endpoint", "endpoint is missing.", "missing_field")
            : InProcessCalls.Paths.Contains(endpoint) ? endpoint
            : throw ApiException.Invalid(
                "endpoint", $"endpoint must be {string.Join(" or ", InProcessCalls.Paths)}.", "unsupported_value");

    private static TimeSpan WindowOf(string? text)
    {
        if (text is null)
        {
            throw ApiException.Invalid(
                "completion_window", "completion_window is missing; 24h is usual.", "missing_field");
        }

        var unit = text.Length < 2 ? 0 : text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86400, _ => 0 };
        return unit > 0
            && int.TryParse(text.AsSpan()[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number > 0 && number <= LongestWindow.TotalSeconds / unit
            ? TimeSpan.FromSeconds((long)number * unit)
            : throw ApiException.Invalid(
                "completion_window",
                "completion_window must be a number of seconds, minutes, hours or days, as in 24h, up to 30d.");
    }

    private static string? MetadataOf(BatchRequest request)
    {
        if (request.Metadata is not { Count: > 0 } pairs)
        {
            return null;
        }

        return pairs.Count <= MostPairs
            && pairs.All(pair => pair.Key.Length <= LongestName && pair.Value is { Length: <= LongestText })
            && !pairs.Any(pair => pair.Key.Contains('\0', StringComparison.Ordinal))
            ? JsonSerializer.Serialize(pairs, BatchJson.Answers.IReadOnlyDictionaryStringString)
            : throw ApiException.Invalid(
                "metadata",
                $"metadata must have at most {MostPairs} texts of at most {LongestText} characters, by names of at "
                + $"most {LongestName}.");
    }

    private static long? SecondsOf(BatchRequest request) => request.OutputExpiresAfter switch
    {
        null => null,
        { Anchor: "created_at", Seconds: >= 3600 and <= 2_592_000 and var seconds } => seconds,
        _ => throw ApiException.Invalid(
            "output_expires_after",
            "output_expires_after must have the anchor created_at, and from 3600 to 2592000 seconds."),
    };

    private static BatchObject Show(StoredBatch batch) => new()
    {
        Id = batch.Id,
        Endpoint = batch.Endpoint,
        Errors = Json(batch.Errors),
        InputFileId = batch.InputFileId,
        CompletionWindow = batch.CompletionWindow,
        Status = batch.Status,
        OutputFileId = batch.OutputFileId,
        ErrorFileId = batch.ErrorFileId,
        CreatedAt = Seconds(batch.CreatedAt),
        InProgressAt = Seconds(batch.InProgressAt),
        ExpiresAt = Seconds(batch.ExpiresAt),
        FinalizingAt = Seconds(batch.FinalizingAt),
        CompletedAt = Seconds(batch.CompletedAt),
        FailedAt = Seconds(batch.FailedAt),
        ExpiredAt = Seconds(batch.ExpiredAt),
        CancellingAt = Seconds(batch.CancellingAt),
        CancelledAt = Seconds(batch.CancelledAt),
        RequestCounts = new RequestCounts
        {
            Total = batch.Total,
            Completed = batch.Completed,
            Failed = batch.Failed,
        },
        Metadata = Json(batch.Metadata),
    };

    private static JsonElement? Json(string? text)
    {
        if (text is null)
        {
            return null;
        }

        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    private static Task WriteAsync(HttpContext context, StoredBatch batch) => JsonAnswer.WriteAsync(
        context, JsonSerializer.SerializeToUtf8Bytes(Show(batch), BatchJson.Answers.BatchObject));
}
