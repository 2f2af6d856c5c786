using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace TorchKv.Benchmarks.Batch;

/// <summary>A private PostgreSQL with its data in a temporary folder, on a Unix socket that is in it too.</summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    private const string Port = "5432";
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);
    private readonly string _programs;
    private readonly string _folder;
    private Process? _process;
    private int _databases;

    private PostgresServer(string programs, string folder) => (_programs, _folder) = (programs, folder);

    /// <summary>Where its programs are; null where it is not installed.</summary>
    public static string? Programs { get; } = FindPrograms();

    /// <summary>Why there is none; null where there can be one.</summary>
    public static string? Missing => Programs is null
        ? "PostgreSQL's programs initdb and postgres are not installed (Debian: postgresql)."
        : !OperatingSystem.IsLinux() ? "The private PostgreSQL is started on Linux alone." : null;

    /// <summary>The connection to its first database.</summary>
    public string Connection => ConnectionTo("postgres");

    /// <summary>Makes the data folder and starts the server.</summary>
    public static async Task<PostgresServer> StartAsync()
    {
        var folder = Directory.CreateTempSubdirectory("torchkv-pg-").FullName;
        var server = new PostgresServer(Programs ?? throw new InvalidOperationException(Missing), folder);
        try
        {
            if (Environment.IsPrivilegedProcess)
            {
                await RunAsync("chown", "postgres", folder);
            }

            await server.RunAsPostgresAsync(
                "initdb", "-D", server.Data, "-A", "trust", "-U", "torchkv", "-E", "UTF8", "--locale=C", "--no-sync");
            await server.RestartAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>The connection to a new database.</summary>
    public async Task<string> NewDatabaseAsync()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"d{Interlocked.Increment(ref _databases)}");
        await using var connection = new NpgsqlConnection(Connection);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"create database {name}", connection);
        await command.ExecuteNonQueryAsync();
        return ConnectionTo(name);
    }

    /// <summary>Ends every process of the server as <c>kill -9</c> does.</summary>
    public void Kill()
    {
        var process = _process!;
        int[] children = [.. ChildrenOf(process.Id)];
        Signals.Send(process.Id, Signals.Kill);
        foreach (var child in children)
        {
            Signals.Send(child, Signals.Kill);
        }

        process.WaitForExit();
    }

    /// <summary>
    /// Starts the server, again and again while processes of the one before it still end, and waits until it answers.
    /// </summary>
    public async Task RestartAsync()
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            _process?.Dispose();
            _process = StartProcess();
            while (!_process.HasExited)
            {
                if (await AnswersAsync())
                {
                    return;
                }

                await Task.Delay(30);
            }

            if (watch.Elapsed > s_limit)
            {
                throw new InvalidOperationException(
                    $"PostgreSQL did not start: {await File.ReadAllTextAsync(Path.Combine(_folder, "log"))}");
            }

            await Task.Delay(100);
        }
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        if (_process is { HasExited: false } process)
        {
            // SIGINT: a fast shutdown, which does not wait for clients.
            Signals.Send(process.Id, 2);
            using var limit = new CancellationTokenSource(s_limit);
            await process.WaitForExitAsync(limit.Token);
        }

        _process?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string Data => Path.Combine(_folder, "data");

    private string ConnectionTo(string database) =>
        $"Host={_folder};Port={Port};Username=torchkv;Database={database};Timeout=5";

    private Process StartProcess()
    {
        // The shell is replaced by the server, so that the process's id is the server's.
        var command = $"exec {_programs}/postgres -D '{Data}' -k '{_folder}' -p {Port} -c listen_addresses= "
            + $"-c max_connections=200 >>'{_folder}/log' 2>&1";
        string[] shell = ["sh", "-c", command];
        string[] line = Environment.IsPrivilegedProcess ? [.. AsPostgres, .. shell] : shell;
        return Process.Start(new ProcessStartInfo(line[0], line[1..]) { WorkingDirectory = _folder })!;
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            await using var connection = new NpgsqlConnection(Connection + ";Pooling=false");
            await connection.OpenAsync();
            return true;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or System.Net.Sockets.SocketException)
        {
            return false;
        }
    }

    private static string[] AsPostgres => ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"];

    private Task RunAsPostgresAsync(string program, params string[] arguments)
    {
        string[] line = [$"{_programs}/{program}", .. arguments];
        return Environment.IsPrivilegedProcess ? RunAsync(AsPostgres[0], [.. AsPostgres[1..], .. line])
            : RunAsync(line[0], line[1..]);
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        _ = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} failed: {await errors}");
        }
    }

    private static IEnumerable<int> ChildrenOf(int parent)
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                continue;
            }

            string stat;
            try
            {
                stat = File.ReadAllText($"/proc/{id}/stat");
            }
            catch (IOException)
            {
                // It has ended meanwhile.
                continue;
            }

            // The name in parentheses may have spaces; after it come the state and the parent.
            if (stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1] == parent.ToString(CultureInfo.InvariantCulture))
            {
                yield return id;
            }
        }
    }

    private static string? FindPrograms()
    {
        IEnumerable<string> folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        if (Directory.Exists("/usr/lib/postgresql"))
        {
            folders = folders.Concat(Directory.GetDirectories("/usr/lib/postgresql")
                .OrderDescending(StringComparer.Ordinal).Select(version => Path.Combine(version, "bin")));
        }

        return folders.FirstOrDefault(folder =>
            File.Exists(Path.Combine(folder, "postgres")) && File.Exists(Path.Combine(folder, "initdb")));
    }
}
