using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Http;

/// <summary>A <see cref="ServerWorkerCommand"/> in its process, with a client of it.</summary>
internal sealed class ServerProcess : IDisposable
{
    private const int Terminate = 15;
    private readonly LineProcess _lines;
    private readonly int _process;

    private ServerProcess(LineProcess lines, JsonElement ready)
    {
        _lines = lines;
        _process = ready.GetProperty("process").GetInt32();
        Address = new Uri(ready.GetProperty("address").GetString()!);
        Client = new StreamClient(Address);
    }

    public Uri Address { get; }

    public StreamClient Client { get; }

    /// <summary>Starts a server.</summary>
    /// <param name="model">The model's folder.</param>
    /// <param name="more">More arguments.</param>
    public static ServerProcess Start(string model, params string[] more)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "TorchKv.Benchmarks");
        string[] arguments = [ServerWorkerCommand.CommandName, "--model", model, .. more];
        var lines = LineProcess.Start(program, arguments, out var ready, out var reason)
            ?? throw new InvalidDataException($"The server did not start: {reason}");
        return new ServerProcess(lines, ready);
    }

    /// <summary>What the server's process has used so far.</summary>
    public ServerUse Use(bool collects = false)
    {
        var answer = _lines.Ask(collects ? "collect" : "state");
        return new ServerUse(
            answer.GetProperty("cpu_microseconds").GetDouble(),
            answer.GetProperty("kernel_microseconds").GetDouble(),
            answer.GetProperty("compiled_methods").GetInt64(),
            answer.GetProperty("allocated").GetInt64(),
            answer.GetProperty("managed").GetInt64(),
            answer.GetProperty("resident").GetInt64(),
            answer.GetProperty("handles").GetInt32(),
            answer.GetProperty("threads").GetInt32());
    }

    /// <summary>Seconds that streams take in the server's process, without HTTP.</summary>
    public double Generate(int streams, int tokens, int seed) => _lines
        .Ask(string.Create(CultureInfo.InvariantCulture, $"generate {streams} {tokens} {seed}"))
        .GetProperty("seconds")
        .GetDouble();

    /// <summary>Sends SIGTERM.</summary>
    public void SendTerminate() => _ = Kill(_process, Terminate);

    /// <summary>Waits for the end, and returns the exit code.</summary>
    public int WaitForExit() => _lines.WaitForExit(TimeSpan.FromMinutes(2));

    public void Dispose()
    {
        Client.Dispose();
        _lines.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int process, int signal);
}
