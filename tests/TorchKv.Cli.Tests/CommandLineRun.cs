using System.Text;
using System.Text.Json;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;

namespace TorchKv.Cli.Tests;

/// <summary>One command line, run in this process, and what it wrote.</summary>
internal sealed record CommandLineRun(int ExitCode, string Out, string Error)
{
    /// <summary>Standard output as the one JSON object that it is; fails where it is anything else.</summary>
    public JsonElement Json
    {
        get
        {
            Assert.Equal("", Error);
            Assert.Equal(ExitCodes.Done, ExitCode);
            Assert.Equal(1, Out.Count(character => character == '\n'));
            return JsonDocument.Parse(Out).RootElement;
        }
    }

    public static Task<CommandLineRun> Of(params string[] arguments) => WithInput("", arguments);

    public static Task<CommandLineRun> WithInput(string input, params string[] arguments) =>
        WithBytes(Encoding.UTF8.GetBytes(input), arguments);

    public static async Task<CommandLineRun> WithBytes(byte[] input, params string[] arguments)
    {
        var output = new StringWriter { NewLine = "\n" };
        var error = new StringWriter { NewLine = "\n" };
        var console = new CliConsole(output, error, () => new MemoryStream(input));
        var exitCode = await CliApplication.RunAsync(arguments, console, CancellationToken.None);
        return new CommandLineRun(exitCode, output.ToString(), error.ToString());
    }

    /// <summary>The names of an object's members, in order.</summary>
    public static string[] Keys(JsonElement element) => [.. element.EnumerateObject().Select(member => member.Name)];

    /// <summary>Asserts a refusal of the command line: exit code 2, nothing on standard output, the words on standard error.</summary>
    public static async Task RefusesUsage(string words, params string[] arguments)
    {
        var run = await Of(arguments);
        Assert.Equal(ExitCodes.Usage, run.ExitCode);
        Assert.Equal("", run.Out);
        Assert.StartsWith("torchkv: ", run.Error);
        Assert.Contains(words, run.Error);
    }

    /// <summary>Asserts a failure: exit code 1, nothing on standard output, one line without a stack trace on standard error.</summary>
    public static async Task Fails(string words, params string[] arguments)
    {
        var run = await Of(arguments);
        Assert.Equal(ExitCodes.Failed, run.ExitCode);
        Assert.Equal("", run.Out);
        Assert.StartsWith("torchkv: ", run.Error);
        Assert.Contains(words, run.Error);
        Assert.DoesNotContain("   at ", run.Error);
    }
}
