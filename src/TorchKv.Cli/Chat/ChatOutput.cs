using System.Globalization;
using System.Text.Json;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Chat;

/// <summary>
/// Shows a chat: text while it is generated, or with <c>--json</c> a line of JSON for each line of input.
/// </summary>
internal sealed class ChatOutput(CliConsole console, Gpt2Tokenizer tokenizer, bool isJson)
{
    private WordWrap? _wrap;

    /// <summary>Shows new text of the turn.</summary>
    public void Add(string text)
    {
        if (isJson)
        {
            return;
        }

        (_wrap ??= Wrap()).Write(text);
        console.Out.Flush();
    }

    /// <summary>Ends a turn: writes the end of its line, or its JSON.</summary>
    public void EndTurn(ChatTurn turn)
    {
        if (isJson)
        {
            console.WriteJson(writer => WriteTurn(writer, turn));
            return;
        }

        (_wrap ?? Wrap()).Finish();
        _wrap = null;
        console.Out.Flush();
        Note(string.Create(
            CultureInfo.InvariantCulture,
            $"{turn.Usage.PromptTokens} tokens before it, {turn.Usage.CachedTokens} of them cached; the first token "
            + $"after {turn.FirstToken?.TotalMilliseconds:F0} ms"));
    }

    /// <summary>Ends the line of a turn that was interrupted.</summary>
    public void BreakTurn()
    {
        _wrap?.Finish();
        _wrap = null;
        console.Out.Flush();
    }

    /// <summary>Reports that a command was done, with the branch that the conversation is at now.</summary>
    /// <param name="command">Its name.</param>
    /// <param name="conversation">The conversation.</param>
    /// <param name="showsText">
    /// Whether the branch's text is shown, so that the reader knows what the next line continues.
    /// </param>
    public void Obeyed(string command, Conversation conversation, bool showsText)
    {
        var ids = conversation.Current.Session.TokenIds;
        if (isJson)
        {
            console.WriteJson(writer =>
            {
                writer.WriteString("command", command);
                writer.WriteString("branch", conversation.Name);
                writer.WriteNumber("turns", conversation.Current.Turns.Count);
                writer.WriteNumber("tokens", ids.Count);
                writer.WriteString("text", tokenizer.Decode(ids));
            });
        }
        else if (showsText)
        {
            Show(conversation);
        }
    }

    /// <summary>Shows the text so far. With <c>--json</c> it shows nothing.</summary>
    public void Show(Conversation conversation)
    {
        if (!isJson)
        {
            var wrap = Wrap();
            wrap.Write(tokenizer.Decode(conversation.Current.Session.TokenIds));
            wrap.Finish();
            console.Out.Flush();
        }
    }

    /// <summary>Shows a command's answer: as lines, or with <c>--json</c> as an object.</summary>
    public void Answer(string command, IEnumerable<string> lines, Action<Utf8JsonWriter> members)
    {
        if (isJson)
        {
            console.WriteJson(writer =>
            {
                writer.WriteString("command", command);
                members(writer);
            });
            return;
        }

        foreach (var line in lines)
        {
            console.Out.WriteLine(line);
        }

        console.Out.Flush();
    }

    /// <summary>Reports that a line was refused. The conversation has not changed.</summary>
    public void Refuse(string message)
    {
        console.Error.WriteLine($"torchkv: {console.ErrorStyle.Red(message)}");
        if (isJson)
        {
            console.WriteJson(writer => writer.WriteString("error", message));
        }
    }

    /// <summary>Shows a remark on a terminal. Elsewhere it shows nothing.</summary>
    public void Note(string text)
    {
        if (console.ErrorIsTerminal)
        {
            console.Error.WriteLine(console.ErrorStyle.Dim(text));
        }
    }

    private WordWrap Wrap() => new(console.Out, console.OutIsTerminal ? console.Width : int.MaxValue);

    private static void WriteTurn(Utf8JsonWriter writer, ChatTurn turn)
    {
        writer.WriteString("text", turn.Text);
        writer.WriteStartArray("ids");
        foreach (var id in turn.Ids)
        {
            writer.WriteNumberValue(id);
        }

        writer.WriteEndArray();
        writer.WriteString("finish_reason", turn.FinishReason is FinishReason.Stop ? "stop" : "length");
        StopReasonJson.Write(writer, turn.StopReason);
        writer.WriteStartObject("usage");
        writer.WriteNumber("prompt_tokens", turn.Usage.PromptTokens);
        writer.WriteNumber("completion_tokens", turn.Usage.CompletionTokens);
        writer.WriteNumber("cached_tokens", turn.Usage.CachedTokens);
        writer.WriteEndObject();
    }
}
