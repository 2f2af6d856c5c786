using System.CommandLine;
using TorchKv.Cli.Terminal;

namespace TorchKv.Cli.CommandLine;

/// <summary>A command with the groups, notes and examples that its help shows.</summary>
internal abstract class CliCommand : Command
{
    private readonly List<(string Title, IReadOnlyList<Option> Options)> _groups = [];

    protected CliCommand(CliConsole console, string name, string description)
        : base(name, description)
    {
        Console = console;
        SetAction(RunAsync);
    }

    /// <summary>Command lines, each with what it does; shown by help, and run by a test.</summary>
    public abstract IReadOnlyList<(string Line, string Does)> Examples { get; }

    /// <summary>Paragraphs that help shows below the options.</summary>
    public virtual IReadOnlyList<string> Notes => [];

    public IReadOnlyList<(string Title, IReadOnlyList<Option> Options)> Groups => _groups;

    protected CliConsole Console { get; }

    protected abstract Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken);

    /// <summary>Adds options under a heading of their own.</summary>
    protected void AddGroup(string title, params IReadOnlyList<Option> options)
    {
        _groups.Add((title, options));
        foreach (var option in options)
        {
            Options.Add(option);
        }
    }
}
