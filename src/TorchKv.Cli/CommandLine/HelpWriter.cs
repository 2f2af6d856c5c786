using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using TorchKv.Cli.Terminal;

namespace TorchKv.Cli.CommandLine;

/// <summary>Writes a command's help, 80 columns wide: usage, groups of options, notes, examples.</summary>
internal sealed class HelpWriter(CliConsole console) : SynchronousCommandLineAction
{
    private const int Width = 80;
    private const int Column = 27;

    public override int Invoke(ParseResult parseResult)
    {
        Write(parseResult.CommandResult.Command, console.Out, console.OutStyle);
        return ExitCodes.Done;
    }

    public static void Write(Command command, TextWriter output, AnsiStyle style)
    {
        if (command is CliCommand leaf)
        {
            WriteCommand(leaf, output, style);
        }
        else
        {
            WriteRoot(command, output, style);
        }

        output.Flush();
    }

    private static void WriteRoot(Command root, TextWriter output, AnsiStyle style)
    {
        WriteWrapped(output, root.Description ?? "", 0);
        output.WriteLine();
        output.WriteLine($"{style.Bold("Usage")}  torchkv COMMAND [options]");
        output.WriteLine();
        output.WriteLine(style.Bold("Commands"));
        foreach (var command in root.Subcommands.Where(command => !command.Hidden))
        {
            WriteRow(output, style.Cyan(command.Name), command.Name.Length, command.Description ?? "", 14);
        }

        output.WriteLine();
        output.WriteLine(style.Bold("Options"));
        WriteOptions(output, style, root.Options);
        output.WriteLine();
        output.WriteLine(style.Bold("Examples"));
        foreach (var command in root.Subcommands.OfType<CliCommand>().Where(
            command => !command.Hidden && command.Examples.Count > 0))
        {
            WriteExample(output, style, command.Examples[0]);
        }

        output.WriteLine();
        output.WriteLine("torchkv COMMAND --help says all about one. Exit codes: 0 done, 1 failed,");
        output.WriteLine("2 usage, 130 interrupted.");
    }

    private static void WriteCommand(CliCommand command, TextWriter output, AnsiStyle style)
    {
        WriteWrapped(output, command.Description ?? "", 0);
        output.WriteLine();
        var arguments = string.Concat(
            command.Arguments.Where(argument => !argument.Hidden).Select(
                argument => $" [{argument.HelpName ?? argument.Name}]"));
        output.WriteLine($"{style.Bold("Usage")}  torchkv {command.Name} [options]{arguments}");
        foreach (var (title, options) in command.Groups)
        {
            output.WriteLine();
            output.WriteLine(style.Bold(title));
            WriteOptions(output, style, options);
        }

        var rest = command.Options.Where(option => !command.Groups.Any(group => group.Options.Contains(option)));
        var inherited = command.Parents.OfType<Command>().SelectMany(parent => parent.Options);
        var common = rest.Concat(inherited.Where(option => option.Recursive)).ToList();
        if (common.Count > 0)
        {
            output.WriteLine();
            output.WriteLine(style.Bold("General"));
            WriteOptions(output, style, common);
        }

        foreach (var note in command.Notes)
        {
            output.WriteLine();
            WriteWrapped(output, note, 0);
        }

        if (command.Examples.Count > 0)
        {
            output.WriteLine();
            output.WriteLine(style.Bold("Examples"));
            foreach (var example in command.Examples)
            {
                WriteExample(output, style, example);
            }
        }
    }

    private static void WriteExample(TextWriter output, AnsiStyle style, (string Line, string Does) example)
    {
        output.WriteLine($"  {style.Dim($"# {example.Does}")}");
        output.WriteLine($"  {example.Line}");
    }

    private static void WriteOptions(TextWriter output, AnsiStyle style, IEnumerable<Option> options)
    {
        foreach (var option in options.Where(option => !option.Hidden))
        {
            var value = option.HelpName is { } name && option.Arity.MaximumNumberOfValues > 0 ? " " + name : "";
            var names = string.Join(
                ", ", option.Aliases.Where(alias => alias.StartsWith('-')).Prepend(option.Name).Distinct());
            WriteRow(
                output,
                style.Cyan(names) + value,
                names.Length + value.Length,
                option is HelpOption ? "this help" : option.Description ?? "",
                Column);
        }
    }

    private static void WriteRow(TextWriter output, string styled, int length, string description, int column)
    {
        output.Write("  ");
        output.Write(styled);
        if (length + 2 > column - 1)
        {
            output.WriteLine();
            output.Write(new string(' ', column));
        }
        else
        {
            output.Write(new string(' ', column - length - 2));
        }

        var first = true;
        foreach (var line in Wrap(description, Width - column))
        {
            if (!first)
            {
                output.Write(new string(' ', column));
            }

            output.WriteLine(line);
            first = false;
        }
    }

    private static void WriteWrapped(TextWriter output, string text, int indent)
    {
        foreach (var line in Wrap(text, Width - indent))
        {
            output.Write(new string(' ', indent));
            output.WriteLine(line);
        }
    }

    private static IEnumerable<string> Wrap(string text, int width)
    {
        var line = "";
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line;
                line = "";
            }

            line = line.Length == 0 ? word : line + " " + word;
        }

        yield return line;
    }
}
