using System.Runtime.InteropServices;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;
using TorchKv.TestSupport;

namespace TorchKv.Cli.Tests;

/// <summary>An interrupt ends a command that loads a model, even one that waits for its files.</summary>
public class LoadingTests
{
    [Theory]
    [InlineData("generate", "--prompt-ids", "1")]
    [InlineData("generate", "--prompt-ids", "1", "--runner", "torch")]
    [InlineData("generate", "--prompt-ids", "1", "--cache", "static")]
    [InlineData("logits", "--prompt-ids", "1")]
    [InlineData("perplexity", "--ids-file", "IDS")]
    [InlineData("chat")]
    [InlineData("compare", "--prompt-ids", "1", "--runner", "cpu")]
    [InlineData("compare", "--prompt-ids", "1", "--runner", "torch")]
    public async Task AnInterruptEndsTheLoadingOfAModel(string command, params string[] arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "It takes a named pipe.");
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["ids.json"], "[1, 2]");
        arguments = [.. arguments.Select(argument => argument == "IDS" ? folder["ids.json"] : argument)];

        // Whoever opens the configuration waits until somebody writes it
        Assert.Equal(0, MakePipe(folder["config.json"], 0b110_000_000));
        using var interrupt = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        var (output, error) = (new StringWriter(), new StringWriter());
        var console = new CliConsole(output, error, () => Stream.Null);
        try
        {
            var exitCode = await CliApplication.RunAsync(
                [command, "--model", folder.Path, .. arguments], console, interrupt.Token)
                .WaitAsync(TimeSpan.FromSeconds(60));
            Assert.Equal((ExitCodes.Interrupted, "", ""), (exitCode, output.ToString(), error.ToString()));
        }
        finally
        {
            // Lets go of what still waits
            new FileStream(folder["config.json"], FileMode.Open, FileAccess.ReadWrite).Dispose();
        }
    }

    [DllImport("libc", EntryPoint = "mkfifo", SetLastError = true, CharSet = CharSet.Ansi)]
    private static extern int MakePipe(string path, uint mode);
}
