using System.Diagnostics;
using System.Text;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Chat;

/// <summary>
/// Reads the lines of a chat. A line that begins with <c>/</c> is a command. Any other line is added to the text, and
/// the model continues it.
/// </summary>
internal sealed class ChatLoop : IAsyncDisposable
{
    private readonly CliConsole _console;
    private readonly LoadedModel _model;
    private readonly Gpt2Tokenizer _tokenizer;
    private readonly GenerationOptions _options;
    private readonly ChatOutput _output;
    private readonly Conversation _conversation;
    private readonly ChatCounters _counters = new();
    private readonly ChatCommands _commands;

    public ChatLoop(
        CliConsole console, LoadedModel model, Gpt2Tokenizer tokenizer, GenerationOptions options, bool isJson)
    {
        (_console, _model, _tokenizer, _options) = (console, model, tokenizer, options);
        _output = new ChatOutput(console, tokenizer, isJson);
        _conversation = new Conversation(model.Engine);
        _commands = new ChatCommands(console, model.Engine, _conversation, _output, _counters);
    }

    /// <summary>
    /// Chats until the input ends. With a session file, the chat continues the file's conversation, and saves the
    /// conversation when it ends for any reason.
    /// </summary>
    /// <param name="session">The file; null: none. It need not be there yet.</param>
    /// <param name="cancellationToken">Ends the turn that runs, which keeps what it has made.</param>
    public async Task RunAsync(string? session, CancellationToken cancellationToken)
    {
        if (session is not null && File.Exists(session))
        {
            await _commands.LoadAsync(session).ConfigureAwait(false);
            _output.Show(_conversation);
        }

        try
        {
            await ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (session is not null)
            {
                using var saving = _console.KeepProcess();
                await _commands.SaveAtEndAsync(session).ConfigureAwait(false);
            }
        }
    }

    public ValueTask DisposeAsync() => _conversation.DisposeAsync();

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        _output.Note("each line is added to the text; /help lists commands, /exit ends");
        var input = _console.OpenInput();
        while (await ReadLineAsync(input, cancellationToken).ConfigureAwait(false) is { } line
            && line.Trim() is not ("/exit" or "/quit"))
        {
            try
            {
                if (line.StartsWith('/'))
                {
                    await _commands.ObeyAsync(line).ConfigureAwait(false);
                }
                else if (line.Trim().Length > 0)
                {
                    await TurnAsync(line, cancellationToken).ConfigureAwait(false);
                }
            }
            catch (TorchKvException error)
            {
                _output.Refuse(error.Message);
            }
        }
    }

    private async Task<string?> ReadLineAsync(LineReader input, CancellationToken cancellationToken)
    {
        if (_console.InIsTerminal && _console.ErrorIsTerminal)
        {
            await _console.Error.WriteAsync(_console.ErrorStyle.Cyan("> ")).ConfigureAwait(false);
        }

        // A terminal's read cannot be cancelled: it is left behind
        return await Task.Run(
            input.ReadLine, CancellationToken.None).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task TurnAsync(string line, CancellationToken cancellationToken)
    {
        var (session, turns) = _conversation.Current;
        var before = session.TokenIds.Count;
        var said = _tokenizer.Encode(before > 0 ? "\n" + line : line);
        Prompts.CheckIds(said, "the line", _model.Model.VocabSize);
        if (before + said.Count >= _model.Model.ContextLength)
        {
            throw new TorchKvException(
                $"{before} tokens so far + {said.Count} new leave no room in the context of "
                + $"{_model.Model.ContextLength}; /rewind, or begin again with /new.");
        }

        try
        {
            var turn = await GenerateAsync(
                session.ContinueAsync(said, _options, cancellationToken)).ConfigureAwait(false);
            _counters.Add(turn);
            _output.EndTurn(turn);
        }
        catch
        {
            _output.BreakTurn();
            throw;
        }
        finally
        {
            // A turn that fails leaves the session as it was; one that is interrupted keeps what it has made
            if (session.TokenIds.Count > before)
            {
                turns.Add(before);
            }
        }
    }

    private async Task<ChatTurn> GenerateAsync(IAsyncEnumerable<GeneratedPiece> pieces)
    {
        var (ids, text, start) = (new List<int>(), new StringBuilder(), Stopwatch.GetTimestamp());
        TimeSpan? first = null;
        FinishReason? reason = null;
        StopReason? stop = null;
        Usage usage = default;
        await foreach (var piece in pieces.ConfigureAwait(false))
        {
            first ??= Stopwatch.GetElapsedTime(start);
            ids.AddRange(piece.TokenIds);
            text.Append(piece.Text);
            reason = piece.FinishReason ?? reason;
            stop = piece.StopReason ?? stop;
            usage = piece.Usage ?? usage;
            _output.Add(piece.Text);
        }

        return new ChatTurn(text.ToString(), ids, reason, stop, usage, first);
    }
}
