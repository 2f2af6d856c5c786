using System.CommandLine;
using TorchKv.Cli.Chat;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Files;

namespace TorchKv.Cli.Commands;

/// <summary>
/// The command <c>chat</c>: continues a text turn by turn in a session of the engine, so that a turn computes its new
/// tokens only.
/// </summary>
internal sealed class ChatCommand : CliCommand
{
    public const string CommandName = "chat";

    private readonly GenerationOptionSet _generation = new();
    private readonly ModelOptions _model = new();
    private readonly PoolOptions _pool = new();
    private readonly Option<string?> _session = Values.OutputFile(
        "--session", "FILE", "continues a saved conversation, and saves it at the end");
    private readonly Option<bool> _dropStop = Values.Flag(
        "--drop-stop-text",
        "after a stop text continues from the text that was shown, not from all that was generated");
    private readonly Option<bool> _json = Values.Flag("--json", "a line of JSON for each line of input");

    public ChatCommand(CliConsole console)
        : base(console, CommandName, "A story or conversation turn by turn; a turn costs its new tokens only.")
    {
        AddGroup("Conversation", _session);
        AddGroup("Length", [.. _generation.Length, _dropStop]);
        AddGroup("Sampling (none of these: the best token always)", [.. _generation.Sampling]);
        AddGroup("Cache", [.. _pool.All]);
        AddGroup("Model", [.. _model.All]);
        AddGroup("Output", _json);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv chat --temperature 0.8 --top-p 0.95", "tell a story together"),
        ("torchkv chat --session story.chat", "go on where you stopped"),
    ];

    public override IReadOnlyList<string> Notes =>
    [
        "Each line is added to the text, and the model continues it. A line that begins with / is a command; /help "
        + "lists them. Each branch keeps its blocks of keys and values between turns, and branches share the blocks of "
        + "the text that they have in common.",
        "With --session the conversation is saved when chat ends, also where it is interrupted. Keys and values are "
        + "saved in FILE.kv; where that file is damaged or missing, they are computed again.",
        "With --json a turn is answered by {\"text\", \"ids\", \"finish_reason\", \"usage\"} and, where a stop ended "
        + "it, \"stop_reason\", a command by "
        + "{\"command\", …}, and a line that is refused by {\"error\"}.",
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = _generation.Read(parsed) with { SessionKeepsStopText = !parsed.GetValue(_dropStop) };
        var request = _model.Read(parsed) with { Pool = _pool.Read(parsed) };
        var session = parsed.GetValue(_session);
        if (session is not null)
        {
            AtomicFile.Check(session);
        }

        var model = await ModelLoader.LoadAsync(request, Console, cancellationToken).ConfigureAwait(false);
        await using (model.ConfigureAwait(false))
        {
            var tokenizer = model.Tokenizer
                ?? throw Prompts.WithoutTokenizer("a chat", "generate --prompt-ids", model.TokenizerProblem);
            var chat = new ChatLoop(Console, model, tokenizer, options, parsed.GetValue(_json));
            await using (chat.ConfigureAwait(false))
            {
                await chat.RunAsync(session, cancellationToken).ConfigureAwait(false);
            }
        }

        return ExitCodes.Done;
    }
}
