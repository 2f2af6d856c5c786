using System.Diagnostics;
using System.Runtime.InteropServices;

namespace TorchKv.Cli.Tests;

/// <summary><c>torchkv serve</c> as a process of its own, listening on a free port.</summary>
internal sealed class ServeProcess : IDisposable
{
    public const int KillSignal = 9;
    public const int StopSignal = 19;
    public const int ContinueSignal = 18;

    private const int Terminate = 15;
    private const string InternalMark = "internal port ";
    private readonly Process _process;

    private ServeProcess(Process process, string announcement)
    {
        _process = process;
        Announcement = announcement;
        var start = announcement.IndexOf("http://", StringComparison.Ordinal);
        Address = new Uri(announcement[start..announcement.IndexOf("/v1", StringComparison.Ordinal)]);
        Client = new HttpClient { BaseAddress = Address };
    }

    /// <summary>The line that it writes when the model is ready.</summary>
    public string Announcement { get; }

    public Uri Address { get; }

    /// <summary>The internal port's address; null: there is none.</summary>
    public Uri? InternalAddress => Announcement.IndexOf(InternalMark, StringComparison.Ordinal) is var at and >= 0
        ? new Uri(Announcement[(at + InternalMark.Length)..])
        : null;

    public HttpClient Client { get; }

    public static Task<ServeProcess> Start(params string[] arguments) =>
        Start(ChildProcess.StartInfo(AppContext.BaseDirectory, ["serve", "--port", "0", .. arguments]));

    public static async Task<ServeProcess> Start(ProcessStartInfo start)
    {
        var process = ChildProcess.Start(start);
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var line = await process.StandardOutput.ReadLineAsync(limit.Token);
        if (line is null)
        {
            Assert.Fail($"torchkv serve ended: {(await ChildProcess.Finish(process)).Error}");
        }

        return new ServeProcess(process, line);
    }

    /// <summary>Asks the process to end; it lets its requests finish.</summary>
    public void SendTerminate() => Assert.Equal(0, Kill(_process.Id, Terminate));

    public void Send(int signal) => Assert.Equal(0, Kill(_process.Id, signal));

    public Task<CommandLineRun> Finish() => ChildProcess.Finish(_process);

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        Client.Dispose();
        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int process, int signal);
}
