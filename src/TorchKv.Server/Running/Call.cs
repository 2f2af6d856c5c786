using Microsoft.AspNetCore.Http;
using TorchKv.Server.Security;

namespace TorchKv.Server.Running;

/// <summary>What the server knows of one HTTP request before it reads the body.</summary>
/// <param name="RequestId">Its name in headers and logs.</param>
/// <param name="StartedAt">When it came, as a timestamp of the server's time provider.</param>
internal sealed record Call(string RequestId, long StartedAt)
{
    /// <summary>The caller's key; null where none is needed.</summary>
    public ApiKey? Key { get; set; }

    /// <summary>Whether the caller is a router, whose own callers it has checked.</summary>
    public bool IsInternal { get; set; }

    /// <summary>Fields of the body that changed nothing, for a header.</summary>
    public IReadOnlyList<string> IgnoredFields { get; set; } = [];

    /// <summary>The call of a request that the pipeline has begun.</summary>
    public static Call Of(HttpContext context)
        => context.Features.Get<Call>()
            ?? throw new InvalidOperationException("The endpoint runs outside the server's pipeline.");

    /// <summary>The salt of the request's cached blocks.</summary>
    public string? CacheSalt(string? clientSalt) => Key is { } key ? key.CacheSalt(clientSalt) : clientSalt;
}
