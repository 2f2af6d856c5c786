using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using TorchKv.Server.Configuration;
using TorchKv.Server.Errors;

namespace TorchKv.Server.Security;

/// <summary>Tells the routers in front of a replica from everybody else.</summary>
/// <remarks>
/// With an internal key a request must show it, whatever port it came to. Without one it must have come to the internal
/// port. A replica with neither has no internal callers.
/// </remarks>
internal sealed class InternalAccess(TorchKvServerOptions options)
{
    /// <summary>The header with the internal key.</summary>
    public const string Header = "x-torchkv-internal-key";

    private static readonly object s_mark = new();

    private readonly byte[]? _key = options.InternalKey is { Length: > 0 } key ? HashOf(key) : null;

    /// <summary>Whether there are internal callers at all.</summary>
    public bool IsConfigured => _key is not null || options.InternalPort is not null;

    /// <summary>Marks a connection to the internal port.</summary>
    public static void MarkConnection(IDictionary<object, object?> items) => items[s_mark] = s_mark;

    /// <summary>Whether a request comes from a router.</summary>
    public bool IsInternal(HttpContext context)
    {
        if (_key is not null)
        {
            // Hashes have one length, and the time says nothing of how near a guess is.
            return context.Request.Headers.TryGetValue(Header, out var shown)
                && CryptographicOperations.FixedTimeEquals(_key, HashOf(shown.ToString()));
        }

        return options.InternalPort is not null
            && context.Features.Get<IConnectionItemsFeature>()?.Items.ContainsKey(s_mark) == true;
    }

    /// <summary>Refuses everybody but a router.</summary>
    /// <exception cref="ApiException">The request does not come from one.</exception>
    public void Check(HttpContext context)
    {
        if (!IsInternal(context))
        {
            throw new ApiException(
                StatusCodes.Status403Forbidden,
                ApiException.InvalidRequest,
                "internal_only",
                null,
                "This URL is a router's: it needs the internal port, or the internal key where there is one.");
        }
    }

    private static byte[] HashOf(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
