using System.Diagnostics;

namespace TorchKv.Router.Tests.Support;

/// <summary>A PostgreSQL of the test's own, in a temporary folder. It listens on a Unix socket there.</summary>
internal sealed class PostgresFolder : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("torchkv-journal-").FullName;

    private PostgresFolder()
    {
    }

    public string Connection => $"Host={_folder};Port=5432;Username=torchkv;Database=postgres";

    private string Data => Path.Combine(_folder, "data");

    /// <summary>Makes one and starts it; skips the test where PostgreSQL is not installed.</summary>
    public static async Task<PostgresFolder> StartAsync()
    {
        Assert.SkipWhen(Programs() is null, "PostgreSQL's initdb and pg_ctl are not installed (Debian: postgresql).");
        var postgres = new PostgresFolder();
        if (Environment.IsPrivilegedProcess)
        {
            await RunAsync("chown", "postgres", postgres._folder);
        }

        await postgres.RunProgramAsync(
            "initdb", "-D", postgres.Data, "-A", "trust", "-U", "torchkv", "-E", "UTF8", "--locale=C", "--no-sync");
        await postgres.StartAgainAsync();
        return postgres;
    }

    public Task StartAgainAsync() => RunProgramAsync(
        "pg_ctl", "-D", Data, "-w", "-l", Path.Combine(_folder, "log"),
        "-o", $"-k {_folder} -c listen_addresses=''", "start");

    /// <summary>Ends it without a shutdown, as a crash does.</summary>
    public Task StopAsync() => RunProgramAsync("pg_ctl", "-D", Data, "-m", "immediate", "-w", "stop");

    public async ValueTask DisposeAsync()
    {
        try
        {
            await StopAsync();
        }
        catch (InvalidOperationException)
        {
            // It had been stopped.
        }

        Directory.Delete(_folder, recursive: true);
    }

    private static string? Programs() => Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin"))
            .LastOrDefault(bin => File.Exists(Path.Combine(bin, "initdb")))
        : null;

    private Task RunProgramAsync(string program, params string[] arguments)
    {
        string[] line = [Path.Combine(Programs()!, program), .. arguments];
        return Environment.IsPrivilegedProcess
            ? RunAsync("setpriv", ["--reuid=postgres", "--regid=postgres", "--init-groups", .. line])
            : RunAsync(line[0], line[1..]);
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        // What it starts keeps its output open, so nothing is read from it.
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = "/" })!;
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} ended with {process.ExitCode}.");
        }
    }
}
