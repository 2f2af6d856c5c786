using System.Reflection;
using System.Security.Cryptography;

namespace TorchKv.Server.Page;

/// <summary>The live page's files, which are parts of this assembly.</summary>
public static class PageFiles
{
    private const string Prefix = "page/";

    /// <summary>The page itself.</summary>
    public const string Index = "index.html";

    /// <summary>The files' paths, relative to the page.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(name => name[Prefix.Length..])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>
    /// What a browser may do on the page: load scripts, styles and data from where the page comes from, and nothing
    /// else.
    /// </summary>
    public const string ContentPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static Assembly Assembly => typeof(PageFiles).Assembly;

    /// <summary>A file's bytes; null where there is no such file.</summary>
    public static byte[]? Read(string name)
    {
        using var stream = Assembly.GetManifestResourceStream(Prefix + name);
        if (stream is null)
        {
            return null;
        }

        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>The media type of a file, by its name.</summary>
    public static string TypeOf(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        ".jsonl" => "application/jsonl; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };

    /// <summary>A tag that changes with the content.</summary>
    public static string TagOf(byte[] content) => $"\"{Convert.ToHexStringLower(SHA256.HashData(content))[..16]}\"";

    /// <summary>The page as one that shows a recording instead of a server.</summary>
    /// <param name="recording">The recording's path, relative to the page.</param>
    public static string ReplayIndex(string recording)
    {
        var page = System.Text.Encoding.UTF8.GetString(Read(Index)!);
        var name = System.Net.WebUtility.HtmlEncode(recording);
        return page.Replace(
            "<meta name=\"torchkv-recording\" content=\"\">",
            $"<meta name=\"torchkv-recording\" content=\"{name}\">",
            StringComparison.Ordinal);
    }
}
