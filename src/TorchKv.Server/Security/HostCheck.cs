using System.Net;
using Microsoft.AspNetCore.Http;
using TorchKv.Server.Configuration;
using TorchKv.Server.Errors;

namespace TorchKv.Server.Security;

/// <summary>
/// Refuses requests that were sent to a name the server does not go by. A web page can make its own name point to a
/// loopback address (DNS rebinding), but cannot send another name.
/// </summary>
internal sealed class HostCheck(TorchKvServerOptions options)
{
    private readonly HashSet<string> _allowed = new(options.AllowedHosts, StringComparer.OrdinalIgnoreCase);

    /// <exception cref="ApiException">The request names another host.</exception>
    public void Check(HttpContext context)
    {
        var host = context.Request.Host.Host;
        var isFine = _allowed.Count > 0
            ? _allowed.Contains("*") || _allowed.Contains(host)
            : context.Connection.LocalIpAddress is not { } local
                || !IPAddress.IsLoopback(local)
                || IsLoopbackName(host);
        if (!isFine)
        {
            throw new ApiException(
                StatusCodes.Status403Forbidden,
                ApiException.InvalidRequest,
                "host_not_allowed",
                null,
                "This server does not go by the name in the request's Host header.");
        }
    }

    private static bool IsLoopbackName(string host)
        => string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
