using Spectre.Console;
using Spectre.Console.Rendering;

namespace TorchKv.Cli.Terminal;

/// <summary>
/// Tables that fit the terminal, 80 columns where there is none; lines and colour only where a terminal shows them.
/// </summary>
internal static class Tables
{
    /// <summary>A table with left-aligned first and right-aligned other columns.</summary>
    public static Table Create(params string[] columns)
    {
        var table = new Table { Border = TableBorder.Simple };
        for (var i = 0; i < columns.Length; i++)
        {
            var column = new TableColumn(
                new Markup($"[bold]{Markup.Escape(columns[i])}[/]"))
            {
                Alignment = i == 0
                    ? Justify.Left
                    : Justify.Right,
                NoWrap = true,
                Padding = new Padding(1, 0, 0, 0)
            };
            table.AddColumn(column);
        }

        return table;
    }

    public static void Write(CliConsole console, IRenderable table)
    {
        var ansi = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = console.OutStyle.Enabled ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = console.OutStyle.Enabled ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new AnsiConsoleOutput(console.Out),
        });
        ansi.Profile.Width = Math.Clamp(console.Width, 40, 100);
        ansi.Profile.Capabilities.Unicode = true;
        ansi.Write(table);
        console.Out.Flush();
    }
}
