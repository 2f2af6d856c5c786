using System.Globalization;
using Microsoft.AspNetCore.Http;
using TorchKv.Batch.Errors;
using TorchKv.Batch.Store;
using TorchKv.Server.Errors;
using TorchKv.Server.Running;

namespace TorchKv.Batch.Endpoints;

/// <summary>What the endpoints of files and batches share.</summary>
internal static class StoreCalls
{
    /// <summary>Whose files and batches a request sees.</summary>
    public static string TenantOf(HttpContext context) => Call.Of(context).Key?.Tenant ?? "";

    /// <summary>An id in the path.</summary>
    public static string IdOf(HttpContext context) => (string?)context.Request.RouteValues["id"] ?? "";

    /// <summary>Asks the database.</summary>
    /// <exception cref="ApiException">It cannot be reached, or is of a newer version.</exception>
    public static async Task<T> AskAsync<T>(Task<T> asked)
    {
        try
        {
            return await asked.ConfigureAwait(false);
        }
        catch (BatchException e)
        {
            throw new ApiException(503, ApiException.ServerError, "unavailable", null, e.Message, e);
        }
        catch (Exception e) when (e is not BadHttpRequestException && BatchDatabase.IsPassing(e))
        {
            throw new ApiException(
                503,
                ApiException.ServerError,
                "unavailable",
                null,
                "The database of files and batches cannot be reached.",
                e)
            { RetryAfterSeconds = 5 };
        }
    }

    /// <summary>There is no such file or batch, or it is another key's.</summary>
    public static ApiException NotFound(string kind, string id, string param = "id") => new(
        404,
        ApiException.InvalidRequest,
        kind + "_not_found",
        param,
        $"There is no {kind} '{(id.Length <= 64 ? id : id[..64] + "…")}'.");

    /// <summary>The query's limit.</summary>
    /// <exception cref="ApiException">It is no number within its limits.</exception>
    public static int LimitOf(HttpContext context, int usual, int most)
    {
        var text = context.Request.Query["limit"].ToString();
        return text.Length == 0 ? usual
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
                && limit >= 1 && limit <= most ? limit
            : throw ApiException.Invalid("limit", $"limit must be a whole number from 1 to {most}.");
    }

    public static long Seconds(DateTime time) => new DateTimeOffset(time).ToUnixTimeSeconds();

    public static long? Seconds(DateTime? time) => time is { } some ? Seconds(some) : null;
}
