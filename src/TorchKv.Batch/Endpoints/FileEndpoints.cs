using System.Text.Json;
using Microsoft.AspNetCore.Http;
using TorchKv.Batch.Contracts;
using TorchKv.Batch.Store;
using TorchKv.Server.Answers;
using TorchKv.Server.Errors;
using static TorchKv.Batch.Endpoints.StoreCalls;

namespace TorchKv.Batch.Endpoints;

/// <summary>Files: up, down, listed and deleted. Each key sees its own.</summary>
internal sealed class FileEndpoints(FileStore files, FileUpload upload)
{
    private const int MostFiles = 10_000;

    public async Task UploadAsync(HttpContext context) =>
        await WriteAsync(context, await upload.ReadAsync(context, TenantOf(context)).ConfigureAwait(false))
            .ConfigureAwait(false);

    public async Task ListAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var limit = LimitOf(context, MostFiles, MostFiles);
        var isDescending = query["order"].ToString() switch
        {
            "" or "desc" => true,
            "asc" => false,
            _ => throw ApiException.Invalid("order", "order must be asc or desc."),
        };
        var after = query["after"].ToString() is { Length: > 0 } id
            ? (await FindAsync(context, id, "after").ConfigureAwait(false)).No
            : (long?)null;
        var purpose = query["purpose"].ToString() is { Length: > 0 } asked ? asked : null;

        // One more than are shown says whether there are more.
        var found = await AskAsync(files.ListAsync(
            TenantOf(context), purpose, after, isDescending, limit + 1, context.RequestAborted)).ConfigureAwait(false);
        FileObject[] shown = [.. found.Take(limit).Select(Show)];
        var list = new FileList
        {
            Data = shown,
            FirstId = shown.FirstOrDefault()?.Id,
            LastId = shown.LastOrDefault()?.Id,
            HasMore = found.Count > limit,
        };
        await JsonAnswer.WriteAsync(
            context, JsonSerializer.SerializeToUtf8Bytes(list, BatchJson.Answers.FileList)).ConfigureAwait(false);
    }

    public async Task FileAsync(HttpContext context) =>
        await WriteAsync(context, await FindAsync(context, IdOf(context)).ConfigureAwait(false)).ConfigureAwait(false);

    public async Task ContentAsync(HttpContext context)
    {
        var file = await FindAsync(context, IdOf(context)).ConfigureAwait(false);
        var response = context.Response;
        response.ContentType = "application/jsonl";
        response.ContentLength = file.Bytes;
        if (HttpMethods.IsHead(context.Request.Method))
        {
            return;
        }

        var pieces = files.PiecesAsync(file.No, context.RequestAborted).GetAsyncEnumerator(context.RequestAborted);
        await using (pieces.ConfigureAwait(false))
        {
            while (await AskAsync(pieces.MoveNextAsync().AsTask()).ConfigureAwait(false))
            {
                await response.Body.WriteAsync(pieces.Current, context.RequestAborted).ConfigureAwait(false);
            }
        }
    }

    public async Task DeleteAsync(HttpContext context)
    {
        var id = IdOf(context);
        var isDeleted = await AskAsync(files.DeleteAsync(TenantOf(context), id, context.RequestAborted))
            .ConfigureAwait(false) ?? throw NotFound("file", id);
        if (!isDeleted)
        {
            throw new ApiException(
                409, ApiException.InvalidRequest, "file_in_use", "id", $"A batch still has to read {id}.");
        }

        await JsonAnswer.WriteAsync(
            context,
            JsonSerializer.SerializeToUtf8Bytes(new DeletedFile { Id = id }, BatchJson.Answers.DeletedFile))
            .ConfigureAwait(false);
    }

    private async Task<StoredFile> FindAsync(HttpContext context, string id, string param = "id") =>
        await AskAsync(files.FindAsync(TenantOf(context), id, context.RequestAborted)).ConfigureAwait(false)
            ?? throw NotFound("file", id, param);

    private static FileObject Show(StoredFile file) => new()
    {
        Id = file.Id,
        Bytes = file.Bytes,
        CreatedAt = Seconds(file.CreatedAt),
        ExpiresAt = Seconds(file.ExpiresAt),
        Filename = file.Name,
        Purpose = file.Purpose,
    };

    private static Task WriteAsync(HttpContext context, StoredFile file) => JsonAnswer.WriteAsync(
        context, JsonSerializer.SerializeToUtf8Bytes(Show(file), BatchJson.Answers.FileObject));
}
