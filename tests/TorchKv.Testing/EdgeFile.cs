using System.Text;
using System.Text.RegularExpressions;

namespace TorchKv.Testing;

/// <summary>A file of deploy/ with other addresses in the place of its own, and nothing else changed.</summary>
internal static partial class EdgeFile
{
    private const string Listens = "127.0.0.1:8080";

    // The temporary folders that nginx was built with belong to root.
    private static readonly string[] s_nginxFolders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

    /// <summary>The file's text.</summary>
    /// <param name="path">The file.</param>
    /// <param name="port">The port for clients.</param>
    /// <param name="servers">The servers' ports, at most as many as the file names.</param>
    /// <param name="folder">A folder for what nginx writes.</param>
    public static string Text(string path, int port, IReadOnlyList<int> servers, string folder)
    {
        var text = new StringBuilder();
        var next = 0;
        foreach (var line in File.ReadLines(path))
        {
            if (ServerLine().IsMatch(line))
            {
                if (next < servers.Count)
                {
                    text.Append(ServerAddress().Replace(line, $"127.0.0.1:{servers[next]}")).Append('\n');
                }

                next++;
                continue;
            }

            text.Append(line.Replace(Listens, $"127.0.0.1:{port}").Replace("/run/nginx.pid", $"{folder}/nginx.pid"));
            text.Append('\n');
            if (line == "http {")
            {
                text.AppendJoin("", s_nginxFolders.Select(name => $"    {name}_temp_path {folder}/{name};\n"));
            }
        }

        return next >= servers.Count ? text.ToString()
            : throw new InvalidDataException($"{path} names {next} servers, not {servers.Count}.");
    }

    [GeneratedRegex(@"^\s+server\s.*127\.0\.0\.1:800\d")]
    private static partial Regex ServerLine();

    [GeneratedRegex(@"127\.0\.0\.1:800\d")]
    private static partial Regex ServerAddress();
}
