using System.Buffers;
using System.Security.Cryptography;

namespace TorchKv.Server.Security;

/// <summary>Names of requests and answers.</summary>
internal static class RequestIds
{
    private const int MaxLength = 128;
    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    /// <summary>A new one.</summary>
    public static string New() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));

    /// <summary>Whether a caller's own can be written to headers and logs.</summary>
    public static bool IsSane(string id)
        => id.Length is >= 1 and <= MaxLength && id.AsSpan().IndexOfAnyExcept(Allowed) < 0;
}
