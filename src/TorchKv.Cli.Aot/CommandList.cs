using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Commands;
using TorchKv.Cli.Terminal;

namespace TorchKv.Cli;

/// <summary>The commands of the program that is compiled ahead of time: those that need no libtorch.</summary>
internal static class CommandList
{
    public static (string Name, Func<CliConsole, CliCommand> Create)[] All { get; } =
    [
        (GenerateCommand.CommandName, console => new GenerateCommand(console)),
        (ChatCommand.CommandName, console => new ChatCommand(console)),
        (ServeCommand.CommandName, console => new ServeCommand(console)),
        (BatchCommand.CommandName, console => new BatchCommand(console)),
        (LogitsCommand.CommandName, console => new LogitsCommand(console)),
        (PerplexityCommand.CommandName, console => new PerplexityCommand(console)),
        (TokenizeCommand.CommandName, console => new TokenizeCommand(console)),
    ];
}
