using System.Net;
using Microsoft.AspNetCore.Http;
using TorchKv.Server.Configuration;
using TorchKv.Server.Errors;

namespace TorchKv.Server.Security;

/// <summary>Who may see the live page, which shows what every caller does.</summary>
internal sealed class LiveAccess(TorchKvServerOptions options, ApiKeys keys)
{
    /// <summary>The admin's key, or null where a loopback connection needs none.</summary>
    /// <exception cref="ApiException">The caller may not see the page, or there is none.</exception>
    public ApiKey? Check(HttpContext context)
    {
        var key = keys.AreNeeded || keys.HasAdmin ? keys.Authenticate(context) : null;
        if (!options.Page)
        {
            throw new ApiException(
                404, ApiException.InvalidRequest, "unknown_url", null, "There is nothing at this URL.");
        }

        return keys.HasAdmin && key is { IsAdmin: false } ? throw Forbidden("The live page needs the admin's key.")
            : !keys.HasAdmin && key is not null ? throw Forbidden(
                "The live page shows what every key does, so a server with keys shows it only to AdminKey, which is "
                + "not set.")
            : key is null && !IsLocal(context) ? throw Forbidden(
                "Without AdminKey the live page is shown only to loopback connections.")
            : keys.AreNeeded ? key : null;
    }

    /// <summary>Whether the caller is on this machine, and no proxy on it passes on what others ask.</summary>
    private static bool IsLocal(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } address
        && IPAddress.IsLoopback(address)
        && !context.Request.Headers.ContainsKey("X-Forwarded-For")
        && !context.Request.Headers.ContainsKey("Forwarded");

    private static ApiException Forbidden(string message) =>
        new(StatusCodes.Status403Forbidden, ApiException.InvalidRequest, "insufficient_permissions", null, message);
}
