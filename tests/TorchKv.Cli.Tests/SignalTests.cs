using System.Globalization;
using System.Runtime.InteropServices;

namespace TorchKv.Cli.Tests;

public class SignalTests
{
    private const int Interrupt = 2;

    [Theory]
    [InlineData("torch")]
    [InlineData("cpu")]
    public async Task AnInterruptEndsAGenerationAtATokenWithExitCode130(string runner)
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

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int process, int signal);
}
