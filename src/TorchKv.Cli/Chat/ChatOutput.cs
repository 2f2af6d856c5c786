using System.Globalization;
using System.Text.Json;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Chat;

/// <summary>
/// What <c>chat</c> shows: text as it is made, or with <c>--json</c> a line of JSON for each line of input.
/// </summary>
internal sealed class ChatOutput(CliConsole console, Gpt2Tokenizer tokenizer, bool isJson)
{
    private WordWrap? _wrap;

    /// <summary>New text of a turn.</summary>
    public void Add(string text)
    {
        if (isJson)
        {
            return;
        }

        (_wrap ??= Wrap()).Write(text);
        console.Out.Flush();
    }

    /// <summary>A turn has ended.</summary>
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

    /// <summary>A turn was interrupted: ends its line.</summary>
    public void BreakTurn()
    {
        _wrap?.Finish();
        _wrap = null;
        console.Out.Flush();
    }

    /// <summary>A command has been obeyed that leaves the conversation at a branch.</summary>
    /// <param name="command">Its name.</param>
    /// <param name="conversation">The conversation.</param>
    /// <param name="showsText">Whether the branch's text is shown, so that the reader knows where it goes on.</param>
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

    /// <summary>The text so far, for a reader.</summary>
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

    /// <summary>A command's answer: lines for a reader, members of an object for a program.</summary>
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

    /// <summary>A line could not be obeyed or continued; the conversation is as it was.</summary>
    public void Refuse(string message)
    {
        console.Error.WriteLine($"torchkv: {console.ErrorStyle.Red(message)}");
        if (isJson)
        {
            console.WriteJson(writer => writer.WriteString("error", message));
        }
    }

    /// <summary>Something by the way, for a terminal.</summary>
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
