using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Configuration;
using TorchKv.Server.Errors;

namespace TorchKv.Server.Security;

/// <summary>The keys that may call.</summary>
internal sealed class ApiKeys
{
    private const string HashPrefix = "sha256:";
    private readonly IReadOnlyList<ApiKey> _keys;

    public ApiKeys(IReadOnlyList<ApiKey> keys) => _keys = keys;

    /// <summary>Whether a key is needed at all.</summary>
    public bool AreNeeded => _keys.Any(key => !key.IsAdmin);

    /// <summary>Whether there is an admin's key, which sees the live page.</summary>
    public bool HasAdmin => _keys.Any(key => key.IsAdmin);

    /// <summary>The keys of the options: the one key and those of the file.</summary>
    /// <exception cref="RequestException">
    /// The file cannot be read, or a line of it is wrong; the message names file and line.
    /// </exception>
    public static ApiKeys Of(TorchKvServerOptions options)
    {
        var keys = new List<ApiKey>();
        if (!string.IsNullOrEmpty(options.ApiKey))
        {
            keys.Add(new ApiKey("default", HashOf(options.ApiKey), requestsPerMinute: null));
        }

        if (!string.IsNullOrEmpty(options.ApiKeyFile))
        {
            var before = keys.Count;
            keys.AddRange(Read(options.ApiKeyFile));
            if (keys.Count == before)
            {
                // Without a key the server would be open, which is not what naming a file means.
                throw new RequestException($"{options.ApiKeyFile} has no key.");
            }
        }

        if (!string.IsNullOrEmpty(options.AdminKey))
        {
            keys.Add(new ApiKey("admin", HashOf(options.AdminKey), requestsPerMinute: null) { IsAdmin = true });
        }

        return new ApiKeys(keys);
    }

    /// <summary>The key that a request shows.</summary>
    /// <exception cref="ApiException">It shows none, or an unknown one.</exception>
    public ApiKey Authenticate(HttpContext context)
    {
        const string Scheme = "Bearer ";
        var header = context.Request.Headers.Authorization.ToString();
        var shown = header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? header[Scheme.Length..].Trim() : "";
        if (shown.Length == 0)
        {
            throw Unauthorized("This server needs a key: send it as 'Authorization: Bearer KEY'.");
        }

        return Find(shown) ?? throw Unauthorized("The key is not known here.");
    }

    /// <summary>The key that a caller shows; null where it is none.</summary>
    /// <remarks>Every key is compared whole, so that the time says nothing of how near a guess is.</remarks>
    public ApiKey? Find(string shown)
    {
        var hash = HashOf(shown);
        ApiKey? found = null;
        foreach (var key in _keys)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, key.Hash))
            {
                found = key;
            }
        }

        return found;
    }

    /// <summary>The key that a store knows by its tenant; null where it is no longer known.</summary>
    public ApiKey? OfTenant(string tenant) => _keys.FirstOrDefault(key => key.Tenant == tenant);

    private static ApiException Unauthorized(string message)
        => new(StatusCodes.Status401Unauthorized, ApiException.InvalidRequest, "invalid_api_key", null, message);

    private static byte[] HashOf(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    /// <summary>
    /// Reads lines of a name, a key or <c>sha256:</c> and its hash in hex, and <c>requests-per-minute=N</c> if wanted.
    /// </summary>
    private static IEnumerable<ApiKey> Read(string file)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RequestException($"The file of keys cannot be read: {e.Message}");
        }

        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].Trim();
            if (line.Length > 0 && line[0] != '#')
            {
                yield return Parse(
                    line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries),
                    $"{file}, line {i + 1}");
            }
        }
    }

    private static ApiKey Parse(string[] words, string where)
    {
        if (words.Length is < 2 or > 3)
        {
            throw new RequestException(
                $"{where}: a line has a name, a key or {HashPrefix}HASH, and requests-per-minute=N if wanted.");
        }

        byte[] hash;
        if (words[1].StartsWith(HashPrefix, StringComparison.Ordinal))
        {
            var digits = words[1][HashPrefix.Length..];
            hash = digits.Length == 64 && digits.All(char.IsAsciiHexDigit)
                ? Convert.FromHexString(digits)
                : throw new RequestException($"{where}: {HashPrefix} must be followed by 64 hexadecimal digits.");
        }
        else
        {
            hash = HashOf(words[1]);
        }

        return new ApiKey(words[0], hash, words.Length == 3 ? Limit(words[2], where) : null);
    }

    private static int Limit(string word, string where)
    {
        const string Name = "requests-per-minute=";
        return word.StartsWith(Name, StringComparison.Ordinal)
            && int.TryParse(word.AsSpan(Name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
            ? limit
            : throw new RequestException($"{where}: '{word}' is not {Name}N.");
    }
}
