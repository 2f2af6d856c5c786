using System.Globalization;
using System.Text;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Files;

namespace TorchKv.Cli.Chat;

/// <summary>Carries out the lines of a chat that begin with <c>/</c>.</summary>
internal sealed class ChatCommands(
    CliConsole console, Engine engine, Conversation conversation, ChatOutput output, ChatCounters counters)
{
    private const string Help = """
        /cache           shows what the cache holds, and how much the turns reused
        /rewind [N]      removes the last turn, or the last N
        /fork NAME       copies this branch, and continues the copy
        /switch NAME     continues another branch; /branches lists them
        /save FILE       writes every branch, and this branch's keys and values to FILE.kv
        /load FILE       reads what /save wrote; the model must be the same
        /new             removes all turns of this branch
        /exit            ends the chat (so does the end of the input)
        """;

    /// <summary>Carries out a command. A command that is refused leaves the conversation as it was.</summary>
    /// <exception cref="TorchKvException">There is no such command, or it cannot be obeyed.</exception>
    public async Task ObeyAsync(string line)
    {
        var parts = line.Split(' ', 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var (command, argument) = (parts[0], parts.Length > 1 ? parts[1] : "");
        switch (command)
        {
            case "/help":
                output.Answer(command, [Help], writer => writer.WriteString("text", Help));
                break;
            case "/cache":
                ShowCache(command);
                break;
            case "/branches":
                ShowBranches(command);
                break;
            case "/rewind":
                await conversation.RewindAsync(Turns(argument)).ConfigureAwait(false);
                output.Obeyed(command, conversation, showsText: true);
                break;
            case "/fork":
                await conversation.ForkAsync(Name(argument)).ConfigureAwait(false);
                output.Obeyed(command, conversation, showsText: false);
                break;
            case "/switch":
                conversation.Switch(Name(argument));
                output.Obeyed(command, conversation, showsText: true);
                break;
            case "/new":
                await conversation.RestartAsync().ConfigureAwait(false);
                output.Obeyed(command, conversation, showsText: false);
                break;
            case "/save":
                await SaveAsync(Name(argument)).ConfigureAwait(false);
                output.Obeyed(command, conversation, showsText: false);
                break;
            case "/load":
                await LoadAsync(Name(argument)).ConfigureAwait(false);
                output.Obeyed(command, conversation, showsText: true);
                break;
            default:
                throw new TorchKvException($"there is no command {Values.Shorten(command)}; /help lists them.");
        }
    }

    /// <summary>Replaces the conversation by one from a file.</summary>
    public async Task LoadAsync(string path)
    {
        var content = ConversationFile.Load(path, Identity, engine.Model.VocabSize, engine.Model.ContextLength);
        var ids = content.Branches[content.Current].Ids;
        Session? restored = null;
        if (ids.Count > 0 && File.Exists(path + ".kv"))
        {
            restored = await engine.RestoreSessionAsync(path + ".kv", ids).ConfigureAwait(false);
            if (restored.RestoreFailure is { } failure)
            {
                console.Warn($"{failure.Message} Keys and values are computed again.");
            }

            // A checksum does not find the file of another conversation with the same model
            if (!restored.TokenIds.SequenceEqual(ids))
            {
                await restored.DisposeAsync().ConfigureAwait(false);
                restored = null;
            }
        }

        await conversation.ReplaceAsync(content, restored).ConfigureAwait(false);
        output.Note(
            $"{path}: branch {conversation.Name}, {conversation.Current.Turns.Count} turns, {ids.Count} tokens");
    }

    /// <summary>
    /// Writes every branch to a file, and the current branch's keys and values to another file, FILE.kv. Where FILE.kv
    /// cannot be written, that is a warning: keys and values can be computed again.
    /// </summary>
    /// <exception cref="OutputFileException">The branches cannot be written.</exception>
    public async Task SaveAsync(string path)
    {
        ConversationFile.Save(path, Identity, conversation.Content);
        try
        {
            if (conversation.Current.Session.TokenIds.Count > 0)
            {
                await conversation.Current.Session.SaveAsync(path + ".kv").ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is TorchKvException || WriteErrors.IsWriteError(error))
        {
            console.Warn($"{error.Message} The text is saved; keys and values will be computed again.");
        }

        output.Note($"saved to {path}");
    }

    /// <summary>
    /// Saves the conversation when the chat ends. Where the file cannot be written, the conversation goes to a file in
    /// the folder for temporary files; where that fails too, to standard error.
    /// </summary>
    /// <exception cref="TorchKvException">
    /// The file cannot be written; the message says where the conversation is.
    /// </exception>
    public async Task SaveAtEndAsync(string path)
    {
        try
        {
            await SaveAsync(path).ConfigureAwait(false);
        }
        catch (OutputFileException error)
        {
            var rescue = Path.Join(Path.GetTempPath(), $"torchkv-{Guid.NewGuid():N}.chat");
            try
            {
                ConversationFile.Save(rescue, Identity, conversation.Content);
            }
            catch (OutputFileException)
            {
                var text = Encoding.UTF8.GetString(ConversationFile.ToBytes(Identity, conversation.Content));
                await console.Error.WriteAsync(text).ConfigureAwait(false);
                throw new TorchKvException(
                    $"{error.Message.TrimEnd('.')}. The two lines above are the conversation: save them as a file, and "
                    + "chat --session FILE continues it.",
                    error);
            }

            throw new TorchKvException(
                $"{error.Message.TrimEnd('.')}. The conversation is saved in {rescue} instead.", error);
        }
    }

    private string Identity => engine.ModelIdentity!.ToString();

    private void ShowCache(string command)
    {
        var stats = engine.Stats;
        var share = counters.PromptTokens > 0 ? 100.0 * counters.CachedTokens / counters.PromptTokens : 0;
        output.Answer(
            command,
            [
                PoolBar.Line(stats, console.OutStyle),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{counters.Turns} turns took {counters.PromptTokens} tokens of context, {counters.CachedTokens} "
                    + $"({share:F0} %) from the cache"),
            ],
            writer =>
            {
                writer.WriteNumber("held_blocks", stats.HeldBlocks);
                writer.WriteNumber("cached_blocks", stats.CachedBlocks);
                writer.WriteNumber("free_blocks", stats.FreeBlocks);
                writer.WriteNumber("block_bytes", stats.BytesPerBlock);
                writer.WriteNumber("turns", counters.Turns);
                writer.WriteNumber("prompt_tokens", counters.PromptTokens);
                writer.WriteNumber("cached_tokens", counters.CachedTokens);
            });
    }

    private void ShowBranches(string command) => output.Answer(
        command,
        conversation.Branches.Select(branch => string.Create(
            CultureInfo.InvariantCulture,
            $"{(branch.Key == conversation.Name ? "*" : " ")} {branch.Key}  {branch.Value.Turns.Count} turns, "
            + $"{branch.Value.Session.TokenIds.Count} tokens")),
        writer =>
        {
            writer.WriteStartArray("branches");
            foreach (var (name, branch) in conversation.Branches)
            {
                writer.WriteStartObject();
                writer.WriteString("branch", name);
                writer.WriteNumber("turns", branch.Turns.Count);
                writer.WriteNumber("tokens", branch.Session.TokenIds.Count);
                writer.WriteBoolean("current", name == conversation.Name);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        });

    private static int Turns(string argument)
    {
        if (argument.Length == 0)
        {
            return 1;
        }

        return int.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out var turns)
            ? turns
            : throw new TorchKvException($"/rewind takes a number of turns, not '{Values.Shorten(argument)}'.");
    }

    private static string Name(string argument) =>
        argument.Length > 0 ? argument : throw new TorchKvException("a name is missing; /help shows where.");
}
