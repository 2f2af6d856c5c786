using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>A server in a process of its own, which signals are sent to and whose processor time is read.</summary>
internal sealed class ChildServer : IDisposable
{
    // Linux counts processor time in hundredths of a second for programs, whatever the kernel was built with.
    private const double TicksPerSecond = 100;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private readonly Process _process;
    private readonly StringBuilder _errors = new();
    private bool _isDisposed;

    private ChildServer(Process process, int port)
    {
        (_process, Port) = (process, port);
        process.ErrorDataReceived += (_, line) => Add(line.Data);
        process.OutputDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
    }

    public int Port { get; }

    public Uri Address => new($"http://127.0.0.1:{Port}");

    public bool HasExited => _isDisposed || _process.HasExited;

    /// <summary>Seconds of processor time that the process and its children have used.</summary>
    public double ProcessorSeconds => Family().Sum(fields =>
        double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture))
        / TicksPerSecond;

    /// <summary>Starts a program and waits until its port takes connections.</summary>
    /// <param name="port">The port that it is told to listen on.</param>
    /// <param name="program">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <exception cref="InvalidDataException">It ended, or its port took none in time.</exception>
    public static async Task<ChildServer> StartAsync(int port, string program, params IEnumerable<string> arguments)
    {
        var server = new ChildServer(
            Process.Start(new ProcessStartInfo(program, arguments)
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            })!,
            port);
        var began = Stopwatch.GetTimestamp();
        while (!await ListensAsync(port))
        {
            if (server.HasExited || Stopwatch.GetElapsedTime(began) > s_limit)
            {
                var errors = server.Errors;
                server.Dispose();
                throw new InvalidDataException($"{Path.GetFileName(program)} did not start: {errors}");
            }

            await Task.Delay(20);
        }

        return server;
    }

    /// <summary>A port that is free now.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>Waits until <c>/ready</c> says yes.</summary>
    public async Task ReadyAsync()
    {
        using var client = new HttpClient { BaseAddress = Address };
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < s_limit && !HasExited)
        {
            try
            {
                using var answer = await client.GetAsync("/ready");
                if (answer.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }

            await Task.Delay(20);
        }

        throw new InvalidDataException($"A server was not ready in time: {Errors}");
    }

    public void Send(UnixSignal signal) => _ = Kill(_process.Id, (int)signal);

    /// <summary>Waits for the end and returns the exit code.</summary>
    public async Task<int> ExitAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(s_limit);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        if (!_process.HasExited)
        {
            // A process that is stopped takes no other signal than this one.
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _isDisposed = true;
        _process.Dispose();
    }

    private string Errors
    {
        get
        {
            lock (_errors)
            {
                return _errors.ToString();
            }
        }
    }

    /// <summary>The fields of /proc/PID/stat from the third on, of the process and its children.</summary>
    private IEnumerable<string[]> Family()
    {
        var own = _process.Id.ToString(CultureInfo.InvariantCulture);
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            var id = Path.GetFileName(folder);
            if (!char.IsAsciiDigit(id[0]))
            {
                continue;
            }

            string[] fields;
            try
            {
                // The second field is the program's name, which may have spaces, in brackets.
                var text = File.ReadAllText($"{folder}/stat");
                fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            }
            catch (IOException)
            {
                continue;
            }

            if (id == own || fields[1] == own)
            {
                yield return fields;
            }
        }
    }

    private void Add(string? line)
    {
        lock (_errors)
        {
            if (line is not null && _errors.Length < 10_000)
            {
                _errors.AppendLine(line);
            }
        }
    }

    private static async Task<bool> ListensAsync(int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int process, int signal);
}
