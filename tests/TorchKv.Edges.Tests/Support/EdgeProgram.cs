namespace TorchKv.Edges.Tests.Support;

/// <summary>A program of Debian's that stands before the servers, and its file in deploy/.</summary>
public sealed record EdgeProgram(string Name, string Package, string File)
{
    public static EdgeProgram Haproxy { get; } = new("haproxy", "haproxy", "haproxy.cfg");

    public static EdgeProgram Nginx { get; } = new("nginx", "nginx-light", "nginx.conf");

    /// <summary>Where it lies; null where it is not installed.</summary>
    public string? Path { get; } = new[] { "/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin" }
        .Select(folder => System.IO.Path.Combine(folder, Name))
        .FirstOrDefault(System.IO.File.Exists);

    /// <summary>The program with a name, for theories.</summary>
    public static EdgeProgram Of(string name) => name == Haproxy.Name ? Haproxy : Nginx;

    /// <summary>Its path.</summary>
    public string Installed()
    {
        Assert.SkipWhen(Path is null, $"There is no {Name}; 'apt-get install {Package}' brings it.");
        return Path!;
    }

    /// <summary>The command line that runs a file, or checks it.</summary>
    public string[] Arguments(string file, bool checks) => (Name, checks) switch
    {
        ("haproxy", true) => ["-c", "-dW", "-f", file],
        ("haproxy", false) => ["-db", "-f", file],
        (_, true) => ["-t", "-c", file],
        (_, false) => ["-c", file, "-g", "daemon off;"],
    };
}
