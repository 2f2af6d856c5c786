using System.CommandLine;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class CommandLineTests
{
    public static TheoryData<string> Commands { get; } = [.. Root().Subcommands.Select(command => command.Name)];

    [Fact]
    public async Task WithoutACommandHelpGoesToStandardErrorWithCode2()
    {
        var run = await Of();
        Assert.Equal(ExitCodes.Usage, run.ExitCode);
        Assert.Equal("", run.Out);
        Assert.Contains("Commands", run.Error);
    }

    [Fact]
    public Task ACommandThatIsNotThereIsAUsageError() => RefusesUsage("'nonsense'", "nonsense");

    [Fact]
    public Task AnOptionThatIsNotThereIsAUsageError() => RefusesUsage("'--bogus'", "plan", "--bogus");

    [Fact]
    public async Task HelpOfTheWholeFits80ColumnsAndNamesEveryCommand()
    {
        var run = await Of("--help");
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Equal("", run.Error);
        Assert.All(run.Out.Split('\n'), line => Assert.True(line.Length <= 80, line));
        Assert.All(Root().Subcommands.Where(command => !command.Hidden), command => Assert.Contains($"\n  {command.Name} ", run.Out));
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task ACommandsHelpFits80ColumnsWithOptionsAndAnExample(string name)
    {
        var run = await Of(name, "--help");
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Equal("", run.Error);
        Assert.All(run.Out.Split('\n'), line => Assert.True(line.Length <= 80, line));
        var command = Assert.IsAssignableFrom<CliCommand>(Root().Subcommands.Single(command => command.Name == name));
        Assert.All(command.Options.Where(option => !option.Hidden), option => Assert.Contains(option.Name, run.Out));
        Assert.All(command.Options.Where(option => !option.Hidden), option => Assert.False(string.IsNullOrEmpty(option.Description), option.Name));
        Assert.NotEmpty(command.Examples);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void ExamplesInHelpAreCommandLinesThatParse(string name)
    {
        var command = (CliCommand)Root().Subcommands.Single(command => command.Name == name);
        foreach (var (line, _) in command.Examples)
        {
            var start = line.IndexOf("torchkv ", StringComparison.Ordinal);
            var arguments = System.CommandLine.Parsing.CommandLineParser.SplitCommandLine(line[(start + 8)..].Split(" > ")[0].Split(" < ")[0]);
            Assert.Empty(Root().Parse([.. arguments]).Errors.Select(error => $"{line}: {error.Message}"));
        }
    }

    [Fact]
    public async Task VersionGoesToStandardOutput()
    {
        var run = await Of("--version");
        Assert.Equal(ExitCodes.Done, run.ExitCode);
        Assert.Matches(@"^\d+\.\d+\.\d+", run.Out);
    }

    [Fact]
    public async Task TheStackTraceIsShownByVerboseAlone()
    {
        var quiet = await Of("plan", "--model", "nowhere");
        var verbose = await Of("plan", "--model", "nowhere", "--verbose");
        Assert.DoesNotContain("   at ", quiet.Error);
        Assert.Contains("   at ", verbose.Error);
        Assert.Equal(ExitCodes.Failed, verbose.ExitCode);
    }

    [Fact]
    public async Task AChildProcessKeepsResultsAndErrorsApart()
    {
        var good = await ChildProcess.Run("plan", "--prompt-tokens", "2", "--new-tokens", "99", "--json");
        Assert.Equal((0, "{\"elements\":null,\"bytes\":null,\"computations\":{\"without_cache\":5049,\"with_cache\":100}}\n", ""), (good.ExitCode, good.Out, good.Error));
        var usage = await ChildProcess.Run("plan", "--layers", "x");
        Assert.Equal((2, ""), (usage.ExitCode, usage.Out));
        var failure = await ChildProcess.Run("plan", "--model", "nowhere");
        Assert.Equal((1, ""), (failure.ExitCode, failure.Out));
        Assert.Single(failure.Error.TrimEnd().Split('\n'));
    }

    private static RootCommand Root() => CliApplication.CreateRoot(
        new CliConsole(TextWriter.Null, TextWriter.Null, () => Stream.Null), null);
}
