using TorchKv.Benchmarks.Measuring;
using TorchKv.Testing;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>HAProxy or nginx with its file of deploy/, or YARP in a process of this program.</summary>
internal static class EdgeServer
{
    public const string Yarp = "YARP";

    /// <summary>Those that there are on this machine, by the names that tables show.</summary>
    public static IEnumerable<string> Names =>
    [
        .. new[] { EdgeProgram.Haproxy, EdgeProgram.Nginx }
            .Where(program => program.Path is not null)
            .Select(program => program.Name),
        Yarp,
    ];

    /// <summary>Starts one before servers on the given ports.</summary>
    public static async Task<ChildServer> StartAsync(string name, IReadOnlyList<int> servers)
    {
        var port = ChildServer.FreePort();
        if (name == Yarp)
        {
            return await ChildServer.StartAsync(
                port,
                Path.Combine(AppContext.BaseDirectory, "TorchKv.Benchmarks"),
                YarpCommand.CommandName, "--port", $"{port}", "--servers", string.Join(',', servers));
        }

        var program = EdgeProgram.Of(name);
        var folder = Directory.CreateTempSubdirectory("torchkv-edge-").FullName;
        var file = Path.Combine(folder, program.File);
        await File.WriteAllTextAsync(
            file, EdgeFile.Text(RepositoryFolder.At("deploy", program.File), port, servers, folder));
        return await ChildServer.StartAsync(
            port,
            program.Path ?? throw new InvalidDataException(program.Missing),
            program.Arguments(file, checks: false));
    }
}
