using System.Globalization;
using System.Runtime.InteropServices;
using TorchKv.TestSupport;

namespace TorchKv.Cli.Tests;

public class SignalTests
{
    private const int Interrupt = 2;
    private const int Terminate = 15;
    private const int HangUp = 1;

    [Theory]
    [InlineData("torch")]
    [InlineData("cpu")]
    public async Task AnInterruptEndsGenerationAtATokenWithExitCode130(string runner)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals to send.");
        // Enough work that it cannot be over: the longest prompt's batch, many rows.
        using var process = ChildProcess.Start("generate", "--prompt", "Once upon a time", "--max-new-tokens", "500", "--eos-token-id", "none", "--runner", runner);
        process.StandardInput.Close();
        var first = new char[1];
        Assert.Equal(1, await process.StandardOutput.ReadAsync(first));
        Assert.Equal(0, Kill(process.Id, Interrupt));
        var run = await ChildProcess.Finish(process, first[0].ToString(CultureInfo.InvariantCulture));
        Assert.Equal(130, run.ExitCode);
        Assert.Equal("", run.Error);
        Assert.StartsWith(",", run.Out);
    }

    [Theory]
    [InlineData(Interrupt, true)]
    [InlineData(Interrupt, false)]
    [InlineData(Terminate, true)]
    [InlineData(Terminate, false)]
    [InlineData(HangUp, false)]
    public async Task AChatThatIsStoppedKeepsItsTurns(int signal, bool duringATurn)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals to send.");
        Assert.SkipWhen(
            signal == HangUp && IsHangUpIgnored(), "These tests run under nohup: their children ignore SIGHUP too.");
        using var folder = new TemporaryFolder();
        string[] chat =
        [
            "chat", "--model", RepositoryFiles.Weights("storyteller"), "--runner", "cpu", "--eos-token-id", "none",
            "--session", folder["a.chat"],
        ];
        using var process = ChildProcess.Start([.. chat, "--max-new-tokens", duringATurn ? "450" : "5"]);
        await process.StandardInput.WriteAsync("Once upon a time\n");
        await process.StandardInput.FlushAsync();

        // The turn's first character, or its whole line: the chat waits for input then
        var read = duringATurn
            ? ((char)process.StandardOutput.Read()).ToString()
            : await process.StandardOutput.ReadLineAsync();
        Assert.Equal(0, Kill(process.Id, signal));
        var run = await ChildProcess.Finish(process, read!);

        Assert.Equal(130, run.ExitCode);
        Assert.Equal("", run.Error);
        var later = await CommandLineRun.WithInput("/branches\n", chat);
        Assert.Matches("\\* main  1 turns, [1-9][0-9]* tokens", later.Out);
        Assert.True(File.Exists(folder["a.chat.kv"]));
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int process, int signal);

    /// <summary>Whether this process was started with SIGHUP ignored, which its children inherit.</summary>
    private static bool IsHangUpIgnored()
    {
        const string Status = "/proc/self/status";
        const string Ignored = "SigIgn:";
        var mask = File.Exists(Status)
            ? File.ReadLines(Status).FirstOrDefault(line => line.StartsWith(Ignored, StringComparison.Ordinal))
            : null;
        return mask is not null && (Convert.ToUInt64(mask[Ignored.Length..].Trim(), 16) & (1UL << (HangUp - 1))) != 0;
    }
}
