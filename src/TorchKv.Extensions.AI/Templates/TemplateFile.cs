using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace TorchKv.Extensions.AI.Templates;

/// <summary>A chat template from a file.</summary>
/// <remarks>
/// A file is an object of texts around <c>{text}</c> (see docs/server.md), or one of HuggingFace's Jinja files if it is
/// ChatML, which is known by its hash: Jinja is not interpreted.
/// </remarks>
internal sealed class TemplateFile : IChatTemplate
{
    private const string Slot = "{text}";
    private const int MaxBytes = 1 << 20;

    // SHA-256 of ChatML's two usual Jinja sources without blanks and line ends, as UTF-8: the one in transformers'
    // documentation, and the one that first sets add_generation_prompt to false where it is not defined.
    private static readonly HashSet<string> ChatMlHashes =
    [
        "5a113d44c08716a1e2009f76fda3e8351f858f8b83cbd9b11605351fea28fd4b",
        "261e2b7e475f6b1eb9f8a77374ec1af3fa07abf509f61db950a35978860bd18e",
    ];

    private readonly Dictionary<ChatTurnRole, (string Before, string After)> _turns;
    private readonly string _answer;
    private readonly string[] _stop;
    private readonly bool _trims;

    private TemplateFile(
        string name,
        Dictionary<ChatTurnRole,
        (string, string)> turns,
        string answer,
        string[] stop,
        bool trims)
    {
        Name = name;
        _turns = turns;
        _answer = answer;
        _stop = stop;
        _trims = trims;
    }

    public string Name { get; }

    /// <summary>Reads a template file.</summary>
    /// <exception cref="ChatTemplateException">The file is missing, or is no template that can be used.</exception>
    public static IChatTemplate Load(string path)
    {
        var text = Read(path);
        if (IsJinja(text.AsSpan().TrimStart()))
        {
            return OfJinja(path, text);
        }

        try
        {
            using var json = JsonDocument.Parse(text);
            return json.RootElement.TryGetProperty(
                "chat_template",
                out var jinja) && jinja.ValueKind == JsonValueKind.String
                ? OfJinja(path, jinja.GetString()!)
                : Of(path, json.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new ChatTemplateException(path, $"it is not a template in JSON ({e.Message}).", e);
        }
    }

    /// <summary>The template that a Jinja source stands for.</summary>
    /// <exception cref="ChatTemplateException">It is none that is known.</exception>
    public static IChatTemplate OfJinja(string path, string jinja)
    {
        var bare = string.Concat(jinja.Where(c => !char.IsWhiteSpace(c)));
        return ChatMlHashes.Contains(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(bare))))
            ? ChatTemplates.ChatMl
            : throw new ChatTemplateException(
                path,
                "it is Jinja other than ChatML's, which is not interpreted; name a built-in template or a JSON file.");
    }

    public ChatPrompt Render(IReadOnlyList<ChatTurn> turns, ChatEnding ending)
    {
        ArgumentNullException.ThrowIfNull(turns);
        var parts = new List<PromptPart>();
        for (var i = 0; i < turns.Count; i++)
        {
            var (before, after) = _turns[turns[i].Role];
            parts.Add(new PromptPart(before, IsTemplate: true));
            parts.Add(new PromptPart(turns[i].Text, IsTemplate: false));
            if (i < turns.Count - 1 || ending != ChatEnding.OpenLastTurn)
            {
                parts.Add(new PromptPart(after, IsTemplate: true));
            }
        }

        if (ending == ChatEnding.NewAnswer)
        {
            parts.Add(new PromptPart(_answer, IsTemplate: true));
        }

        var trims = _trims && ending == ChatEnding.NewAnswer;
        return new ChatPrompt { Parts = parts, Stop = _stop, TrimsAnswerStart = trims };
    }

    private static bool IsJinja(ReadOnlySpan<char> text)
        => !text.StartsWith("{") || text.StartsWith("{%") || text.StartsWith("{{") || text.StartsWith("{#");

    private static string Read(string path)
    {
        try
        {
            return new FileInfo(path).Length <= MaxBytes
                ? File.ReadAllText(path)
                : throw new ChatTemplateException(path, $"it is larger than {MaxBytes} bytes.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ChatTemplateException(path, e.Message, e);
        }
    }

    private static TemplateFile Of(string path, JsonElement json)
    {
        string[] known = ["name", "system", "user", "assistant", "tool", "answer", "stop", "trim"];
        foreach (var field in json.EnumerateObject().Where(field => !known.Contains(field.Name)))
        {
            throw new ChatTemplateException(
                path,
                $"'{field.Name}' is no field of a template; these are: {string.Join(", ", known)}.");
        }

        var user = Turn(path, json, "user") ?? throw new ChatTemplateException(path, "it has no field 'user'.");
        var assistant = Turn(path, json, "assistant") ?? throw new ChatTemplateException(
            path,
            "it has no field 'assistant'.");
        return new TemplateFile(
            Text(path, json, "name") ?? Path.GetFileNameWithoutExtension(path),
            new Dictionary<ChatTurnRole, (string, string)>
            {
                [ChatTurnRole.System] = Turn(path, json, "system") ?? user,
                [ChatTurnRole.User] = user,
                [ChatTurnRole.Assistant] = assistant,
                [ChatTurnRole.Tool] = Turn(path, json, "tool") ?? user,
            },
            Text(path, json, "answer") ?? assistant.Before,
            Stop(path, json),
            json.TryGetProperty("trim", out var trim) && trim.GetBoolean());
    }

    private static (string Before, string After)? Turn(string path, JsonElement json, string field)
    {
        if (Text(path, json, field) is not { } text)
        {
            return null;
        }

        var at = text.IndexOf(Slot, StringComparison.Ordinal);
        return at >= 0 && text.IndexOf(Slot, at + 1, StringComparison.Ordinal) < 0
            ? (text[..at], text[(at + Slot.Length)..])
            : throw new ChatTemplateException(path, $"'{field}' must have {Slot} exactly once.");
    }

    private static string? Text(string path, JsonElement json, string field) =>
        !json.TryGetProperty(field, out var value) ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw new ChatTemplateException(path, $"'{field}' must be a text.");

    private static string[] Stop(string path, JsonElement json)
    {
        if (!json.TryGetProperty("stop", out var stop))
        {
            return [];
        }

        return stop.ValueKind == JsonValueKind.Array && stop.EnumerateArray().All(IsStop)
            ? [.. stop.EnumerateArray().Select(text => text.GetString()!)]
            : throw new ChatTemplateException(path, "'stop' must be a list of texts of at least one character.");

        static bool IsStop(JsonElement text) => text.ValueKind == JsonValueKind.String && text.GetString()!.Length > 0;
    }
}
