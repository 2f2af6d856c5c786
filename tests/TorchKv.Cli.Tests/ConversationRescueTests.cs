using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

/// <summary>Disks that fail while a chat runs.</summary>
public sealed class ConversationRescueTests
{
    private static readonly string s_storyteller = RepositoryFiles.Weights("storyteller");

    [Fact]
    public async Task AConversationWhoseFolderVanishesIsSavedInTemporaryFiles()
    {
        using var folder = new TemporaryFolder();
        var sub = Directory.CreateDirectory(folder["sub"]).FullName;
        var error = new StringWriter { NewLine = "\n" };
        var console = new CliConsole(
            TextWriter.Null,
            error,
            () =>
            {
                // The session's path has been checked by now
                Directory.Delete(sub, recursive: true);
                return new MemoryStream("Once upon a time\nThe dog\n"u8.ToArray());
            });

        var code = await CliApplication.RunAsync(
            Chat(Path.Join(sub, "a.chat")), console, CancellationToken.None);

        Assert.Equal(ExitCodes.Failed, code);
        var line = Assert.Single(error.ToString().TrimEnd().Split('\n'));
        const string Before = "The conversation is saved in ";
        var start = line.IndexOf(Before, StringComparison.Ordinal) + Before.Length;
        var rescue = line[start..line.LastIndexOf(" instead", StringComparison.Ordinal)];
        try
        {
            Assert.Contains("* main  2 turns", (await WithInput("/branches\n", Chat(rescue))).Out);
        }
        finally
        {
            File.Delete(rescue);
            File.Delete(rescue + ".kv");
        }
    }

    [Fact]
    public async Task TheTextIsSavedWhereKeysAndValuesCannotBe()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["a.chat.kv"]);

        var run = await WithInput("Once upon a time\n", Chat(folder["a.chat"]));

        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Contains("keys and values will be computed again", run.Error);
        Assert.Contains("* main  1 turns", (await WithInput("/branches\n", Chat(folder["a.chat"]))).Out);
    }

    [Fact]
    public async Task WithoutWritableFilesTheConversationGoesToStandardError()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The limit of a file's size is set by a POSIX shell.");
        using var folder = new TemporaryFolder();
        var chat = ChildProcess.StartInfo(AppContext.BaseDirectory, Chat(folder["a.chat"]));
        string[] words = [chat.FileName, .. chat.ArgumentList];
        chat.FileName = "sh";
        chat.ArgumentList.Clear();
        string[] limited = ["-c", "ulimit -f 0; exec \"$@\"", "sh", .. words];
        Array.ForEach(limited, chat.ArgumentList.Add);

        // .NET's memory for compiled code is a file, too
        chat.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        using var process = ChildProcess.Start(chat);
        await process.StandardInput.WriteAsync("Once upon a time\n");
        process.StandardInput.Close();
        var run = await ChildProcess.Finish(process);

        Assert.Equal(ExitCodes.Failed, run.ExitCode);
        var lines = run.Error.TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.StartsWith("torchkv: ", lines[2]);
        File.WriteAllText(folder["b.chat"], $"{lines[0]}\n{lines[1]}\n");
        Assert.Contains("* main  1 turns", (await WithInput("/branches\n", Chat(folder["b.chat"]))).Out);
    }

    private static string[] Chat(string session) =>
        ["chat", "--model", s_storyteller, "--runner", "cpu", "--max-new-tokens", "6", "--session", session];
}
