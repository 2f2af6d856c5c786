using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Commands;
using TorchKv.Cli.Terminal;

namespace TorchKv.Cli;

/// <summary>The commands of <c>torchkv</c>. The program that is compiled ahead of time has a list of its own.</summary>
internal static class CommandList
{
    public static (string Name, Func<CliConsole, CliCommand> Create)[] All { get; } =
    [
        (GenerateCommand.CommandName, console => new GenerateCommand(console)),
        (ChatCommand.CommandName, console => new ChatCommand(console)),
        (ServeCommand.CommandName, console => new ServeCommand(console)),
        (BatchCommand.CommandName, console => new BatchCommand(console)),
        (PageCommand.CommandName, console => new PageCommand(console)),
        (LogitsCommand.CommandName, console => new LogitsCommand(console)),
        (PerplexityCommand.CommandName, console => new PerplexityCommand(console)),
        (TokenizeCommand.CommandName, console => new TokenizeCommand(console)),
        (PlanCommand.CommandName, console => new PlanCommand(console)),
        (CompareCommand.CommandName, console => new CompareCommand(console)),
        (SimulateCommand.CommandName, console => new SimulateCommand(console)),
        (InfoCommand.CommandName, console => new InfoCommand(console)),
        (DemoCommand.CommandName, console => new DemoCommand(console)),
        (CheckPortCommand.CommandName, console => new CheckPortCommand(console)),
    ];
}
