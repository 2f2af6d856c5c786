using System.CommandLine;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>A program of benchmarks: a command for each.</summary>
internal static class BenchProgram
{
    /// <summary>Runs one command line.</summary>
    /// <returns>0: it has run, whatever it shows; 1: it failed; 2: the command line is wrong.</returns>
    public static async Task<int> RunAsync(
        string[] arguments, string description, params IReadOnlyList<Command> commands)
    {
        var root = new RootCommand(description);
        foreach (var command in commands)
        {
            root.Subcommands.Add(command);
        }

        if (arguments.Length == 0)
        {
            await root.Parse("--help").InvokeAsync();
            return 2;
        }

        var parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (var message in parsed.Errors.Select(error => error.Message).Distinct())
            {
                await Console.Error.WriteLineAsync($"bench: {message}");
            }

            return 2;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,

                // Signals are the commands' own: the default here would end a server that still has streams.
                ProcessTerminationTimeout = null,
            });
        }
        catch (Exception error) when (
            error is TorchKvException or IOException or InvalidDataException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"bench: {error.Message}");
            return 1;
        }
    }
}
