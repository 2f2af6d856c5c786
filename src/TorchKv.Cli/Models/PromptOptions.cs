using System.CommandLine;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;

namespace TorchKv.Cli.Models;

/// <summary>
/// The options that give a prompt: a text, a file, token ids or standard input. A command line has at most one of them.
/// </summary>
internal sealed class PromptOptions
{
    private readonly Option<string?> _prompt = Values.Text("--prompt", "TEXT", "the prompt's text");
    private readonly Option<int[]?> _promptIds = Values.Integers("--prompt-ids", "1,2,3", 0, "the prompt as token ids");
    private readonly Option<string?> _promptFile = Values.Text(
        "--prompt-file", "FILE", "a UTF-8 file with the prompt, exactly as it is ('-': standard input)");

    private readonly Argument<string?> _dash = new("-")
    {
        Description = "reads the prompt from standard input",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public PromptOptions() => _dash.Validators.Add(result =>
    {
        if (result.Tokens.Count > 0 && result.Tokens[0].Value != "-")
        {
            result.AddError(
                $"'{Values.Shorten(result.Tokens[0].Value)}' is not an option; a prompt's text goes after --prompt.");
        }
    });

    public IReadOnlyList<Option> All => [_prompt, _promptIds, _promptFile];

    public Argument Dash => _dash;

    /// <summary>The prompt; null where none was given.</summary>
    /// <exception cref="UsageException">More than one was given.</exception>
    public Prompt? Read(ParseResult parsed, CliConsole console)
    {
        var (text, ids, file) = (parsed.GetValue(_prompt), parsed.GetList(_promptIds), parsed.GetValue(_promptFile));
        var dash = parsed.GetValue(_dash) is "-" || file is "-";
        if (new[] { text is not null, ids is not null, file is not (null or "-"), dash }.Count(given => given) > 1)
        {
            throw new UsageException(
                "one prompt, please: --prompt, --prompt-ids, --prompt-file or - exclude one another.");
        }

        return (text, ids, file, dash) switch
        {
            (_, _, _, true) => new Prompt(console.ReadAllInput(), null),
            ({ }, _, _, _) => new Prompt(text, null),
            (_, { }, _, _) => new Prompt(null, ids),
            (_, _, { }, _) => new Prompt(CliConsole.ReadFile(file), null),
            _ => null,
        };
    }

    public Prompt Require(ParseResult parsed, CliConsole console) => Read(parsed, console)
        ?? throw new UsageException(
            "a prompt is missing: --prompt TEXT, --prompt-ids 1,2,3, --prompt-file FILE, or - for standard input.");
}
