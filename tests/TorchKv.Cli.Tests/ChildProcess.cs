using System.Diagnostics;
using System.Text;
using TorchKv.TestSupport;

namespace TorchKv.Cli.Tests;

/// <summary><c>torchkv</c> as a process of its own: exit codes, streams and signals as a shell sees them.</summary>
internal static class ChildProcess
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    public static async Task<CommandLineRun> Run(params string[] arguments)
    {
        using var process = Start(arguments);
        process.StandardInput.Close();
        return await Finish(process);
    }

    public static Process Start(params string[] arguments) => Start(StartInfo(AppContext.BaseDirectory, arguments));

    public static Process Start(ProcessStartInfo start) => Process.Start(start) ?? throw new InvalidOperationException("torchkv did not start.");

    /// <summary>How to start the program that lies in a folder.</summary>
    public static ProcessStartInfo StartInfo(string folder, params string[] arguments)
    {
        var program = Path.Combine(folder, OperatingSystem.IsWindows() ? "TorchKv.Cli.exe" : "TorchKv.Cli");

        // A shell's background jobs ignore interrupts, and so would a child of tests that run in one.
        var start = OperatingSystem.IsLinux() ? new ProcessStartInfo("env", ["--default-signal=INT", program, .. arguments]) : new ProcessStartInfo(program, arguments);
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.StandardOutputEncoding = Encoding.UTF8;
        start.StandardErrorEncoding = Encoding.UTF8;
        start.WorkingDirectory = RepositoryFiles.Root;
        return start;
    }

    public static async Task<CommandLineRun> Finish(Process process, string read = "")
    {
        using var limit = new CancellationTokenSource(s_limit);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return new CommandLineRun(process.ExitCode, read + await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"torchkv did not end within {s_limit}.");
        }
    }
}
