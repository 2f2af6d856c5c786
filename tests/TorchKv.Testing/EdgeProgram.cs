namespace TorchKv.Testing;

/// <summary>A program of Debian's that stands before the servers, and its file in deploy/.</summary>
/// <param name="Name">The program.</param>
/// <param name="Package">What brings it.</param>
/// <param name="File">Its file's name.</param>
internal sealed record EdgeProgram(string Name, string Package, string File)
{
    public static EdgeProgram Haproxy { get; } = new("haproxy", "haproxy", "haproxy.cfg");

    public static EdgeProgram Nginx { get; } = new("nginx", "nginx-light", "nginx.conf");

    /// <summary>Where it lies; null where it is not installed.</summary>
    public string? Path { get; } = new[] { "/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin" }
        .Select(folder => System.IO.Path.Combine(folder, Name))
        .FirstOrDefault(System.IO.File.Exists);

    /// <summary>Why it is not used, where it is not installed.</summary>
    public string Missing => $"There is no {Name}; 'apt-get install {Package}' brings it.";

    /// <summary>The program with a name.</summary>
    public static EdgeProgram Of(string name) => name == Haproxy.Name ? Haproxy : Nginx;

    /// <summary>The command line that runs a file, or checks it.</summary>
    public string[] Arguments(string file, bool checks) => (Name, checks) switch
    {
        ("haproxy", true) => ["-c", "-dW", "-f", file],
        ("haproxy", false) => ["-db", "-f", file],
        (_, true) => ["-t", "-c", file],
        (_, false) => ["-c", file, "-g", "daemon off;"],
    };
}
