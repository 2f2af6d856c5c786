using System.Security.Cryptography;
using System.Text;

namespace TorchKv.Server.Security;

/// <summary>A key that may call. The key itself is not kept, only its hash.</summary>
internal sealed class ApiKey
{
    private readonly byte[] _saltKey;

    /// <summary>A key.</summary>
    /// <param name="name">Its name, for logs.</param>
    /// <param name="hash">SHA-256 of the key, as UTF-8.</param>
    /// <param name="requestsPerMinute">Its own limit; null: the server's.</param>
    public ApiKey(string name, byte[] hash, int? requestsPerMinute)
    {
        Name = name;
        Hash = hash;
        RequestsPerMinute = requestsPerMinute;
        _saltKey = HMACSHA256.HashData(hash, "torchkv cache salt"u8);
        Tenant = Convert.ToHexStringLower(HMACSHA256.HashData(hash, "torchkv tenant"u8).AsSpan(0, 16));
    }

    public string Name { get; }

    public byte[] Hash { get; }

    public int? RequestsPerMinute { get; }

    /// <summary>
    /// What stands for the key in a store that several servers share. It says nothing of the key, and another key has
    /// another.
    /// </summary>
    public string Tenant { get; }

    /// <summary>Whether it sees the live page.</summary>
    public bool IsAdmin { get; init; }

    /// <summary>
    /// The salt of the key's cached blocks: no caller can name another key's, whatever salt it sends, so that keys
    /// share no blocks and the time of an answer tells nothing of what others asked.
    /// </summary>
    /// <param name="clientSalt">The salt that the request names; null: none.</param>
    public string CacheSalt(string? clientSalt)
        => Convert.ToHexString(HMACSHA256.HashData(
            _saltKey,
            Encoding.UTF8.GetBytes(clientSalt is null ? "" : "\n" + clientSalt)));
}
