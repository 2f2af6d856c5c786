using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using TorchKv.Server.Configuration;
using TorchKv.Server.Errors;

namespace TorchKv.Server.Security;

/// <summary>How many requests each key may make; without keys each address.</summary>
internal sealed class RateLimits : IDisposable
{
    private readonly PartitionedRateLimiter<(ApiKey? Key, string Address)> _limiter;

    public RateLimits(TorchKvServerOptions options)
    {
        _limiter = PartitionedRateLimiter.Create<(ApiKey? Key, string Address), string>(caller =>
        {
            var limit = caller.Key?.RequestsPerMinute ?? options.RequestsPerMinute;
            return limit == 0
                ? RateLimitPartition.GetNoLimiter("")
                : RateLimitPartition.GetTokenBucketLimiter(
                    caller.Key is { } key ? "key " + key.Name : "address " + caller.Address,
                    _ => Bucket(limit));
        });
    }

    /// <summary>Counts a request.</summary>
    /// <exception cref="ApiException">The caller has made too many.</exception>
    public void Take(HttpContext context, ApiKey? key)
    {
        using var lease = _limiter.AttemptAcquire((key, context.Connection.RemoteIpAddress?.ToString() ?? ""));
        if (!lease.IsAcquired)
        {
            var wait = lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : TimeSpan.FromSeconds(1);
            throw new ApiException(
                StatusCodes.Status429TooManyRequests,
                ApiException.RateLimit,
                "rate_limit_exceeded",
                null,
                "Too many requests in a minute; try again later.")
            {
                RetryAfterSeconds = Math.Clamp((int)Math.Ceiling(wait.TotalSeconds), 1, 60),
            };
        }
    }

    public void Dispose() => _limiter.Dispose();

    /// <summary>A minute's requests may come at once; then they come back one by one.</summary>
    private static TokenBucketRateLimiterOptions Bucket(int limit) => new()
    {
        TokenLimit = limit,
        TokensPerPeriod = 1,
        ReplenishmentPeriod = TimeSpan.FromMinutes(1) / limit,
        QueueLimit = 0,
        AutoReplenishment = true,
    };
}
