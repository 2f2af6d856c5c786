using System.CommandLine;
using System.CommandLine.Help;
using System.Runtime.InteropServices;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Commands;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli;

/// <summary>The whole of <c>torchkv</c>: arguments in, exit code out.</summary>
internal static class CliApplication
{
    private static readonly (string Name, Func<CliConsole, CliCommand> Create)[] s_commands =
    [
        (GenerateCommand.CommandName, console => new GenerateCommand(console)),
        (ChatCommand.CommandName, console => new ChatCommand(console)),
        (ServeCommand.CommandName, console => new ServeCommand(console)),
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

    /// <summary>Runs one command line.</summary>
    /// <returns>An exit code of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var code = await RunCommandAsync(arguments, console, cancellationToken).ConfigureAwait(false);
        return TryFlush(console) ? code : ExitCodes.Failed;
    }

    private static async Task<int> RunCommandAsync(
        string[] arguments, CliConsole console, CancellationToken cancellationToken)
    {
        var verbose = arguments.TakeWhile(argument => argument != "--").Contains("--verbose");
        try
        {
            if (arguments.Length == 0)
            {
                HelpWriter.Write(CreateRoot(console, null), console.Error, console.ErrorStyle);
                return ExitCodes.Usage;
            }

            var root = CreateRoot(console, arguments[0]);
            var parsed = root.Parse(arguments);
            if (parsed.Errors.Count > 0)
            {
                foreach (var message in parsed.Errors.Select(error => error.Message).Distinct())
                {
                    Complain(console, message);
                }

                var path = parsed.CommandResult.Command is RootCommand
                    ? "torchkv"
                    : $"torchkv {parsed.CommandResult.Command.Name}";
                console.Error.WriteLine($"'{path} --help' shows what there is.");
                return ExitCodes.Usage;
            }

            return await parsed.InvokeAsync(
                new InvocationConfiguration
                {
                    Output = console.Out,
                    Error = console.Error,
                    EnableDefaultExceptionHandler = false,
                    // Signals are Program's: the default here would end the process before a command has tidied up.
                    ProcessTerminationTimeout = null,
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ExitCodes.Interrupted;
        }
        catch (UsageException usage)
        {
            Complain(console, usage.Message);
            return ExitCodes.Usage;
        }
        catch (Exception error)
        {
            Complain(console, verbose ? error.ToString() : Explain(error));
            return ExitCodes.Failed;
        }
    }

    /// <summary>Writes what is left of the output. Where it cannot be written, the reason goes to standard error.</summary>
    private static bool TryFlush(CliConsole console)
    {
        try
        {
            console.Out.Flush();
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            console.Error.WriteLine(
                $"torchkv: {console.ErrorStyle.Red($"standard output cannot be written: {error.Message}")}");
            return false;
        }
    }

    /// <summary>
    /// The tree of commands. With the name of one, that one alone: the others' options cost start-up time.
    /// </summary>
    internal static RootCommand CreateRoot(CliConsole console, string? only)
    {
        var root = new RootCommand("GPT-2 inference with a KV cache to read, choose, share and measure.");
        foreach (var (name, create) in s_commands)
        {
            if (only == name)
            {
                root.Subcommands.Add(create(console));
            }
        }

        if (root.Subcommands.Count == 0)
        {
            foreach (var (_, create) in s_commands)
            {
                root.Subcommands.Add(create(console));
            }
        }

        foreach (var option in root.Options)
        {
            switch (option)
            {
                case HelpOption help:
                    help.Action = new HelpWriter(console);
                    help.Aliases.Remove("-?");
                    help.Aliases.Remove("/?");
                    help.Aliases.Remove("/h");
                    break;
                case VersionOption version:
                    version.Description = "the version";
                    break;
            }
        }

        root.Options.Add(
            new Option<bool>("--verbose") { Description = "a failure shows its stack trace", Recursive = true });
        return root;
    }

    private static void Complain(CliConsole console, string message)
    {
        if (TryFlush(console))
        {
            console.Error.WriteLine($"torchkv: {console.ErrorStyle.Red(message.TrimEnd())}");
        }
    }

    /// <summary>One error as a sentence: what, where, and what to do.</summary>
    private static string Explain(Exception error) => error switch
    {
        PoolCapacityException pool =>
            $"The request may need {pool.Needed} KV blocks, but the pool has {pool.Capacity}: take --blocks "
            + $"{pool.Needed} or a larger --memory, or ask for fewer tokens, samples or beams.",
        TorchKvException => error.Message,
        // The name of an assembly, not a file's.
        FileNotFoundException { FileName: { } file } when file.Contains(", Version=", StringComparison.Ordinal) =>
            $"{file.Split(',')[0]}.dll is not beside this program; build it again, or take --runner cpu, "
            + "which needs no libtorch.",
        FileNotFoundException { FileName: { } file } => $"{file} is not there; check the path.",
        DirectoryNotFoundException => $"{error.Message.TrimEnd('.')}; check the path.",
        UnauthorizedAccessException => $"{error.Message.TrimEnd('.')}; check the file's permissions.",
        IOException or NotSupportedException => error.Message.Split('\n')[0].TrimEnd(),
        OutOfMemoryException => "out of memory: a smaller batch, context or model needs less; 'torchkv "
            + "plan' shows how much.",
        ExternalException => $"libtorch: {error.Message.Split('\n')[0].TrimEnd()}",
        _ => $"internal error: {error.GetType().Name}: {error.Message.Split('\n')[0].TrimEnd()} "
            + "(--verbose shows where).",
    };
}
