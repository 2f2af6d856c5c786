using System.Text.Json;

namespace TorchKv.Extensions.AI.Templates;

/// <summary>The chat templates that there are.</summary>
public static class ChatTemplates
{
    /// <summary>The names of the built-in templates.</summary>
    public static IReadOnlyList<string> Names { get; } = ["transcript", "plain", "chatml"];

    /// <summary>
    /// A written conversation, <c>User: …</c> and <c>Assistant: …</c>; for models that were not trained on chats.
    /// </summary>
    public static IChatTemplate Transcript { get; } = new TranscriptTemplate();

    /// <summary>The turns' texts with an empty line between them: the model continues the text.</summary>
    public static IChatTemplate Plain { get; } = new PlainTemplate();

    /// <summary>ChatML, for models that were trained on it.</summary>
    public static IChatTemplate ChatMl { get; } = new ChatMlTemplate();

    /// <summary>A template by its name, or from a file.</summary>
    /// <param name="nameOrFile">One of <see cref="Names"/>, or a file's path.</param>
    /// <exception cref="ChatTemplateException">There is no such template, or the file cannot be used.</exception>
    public static IChatTemplate Load(string nameOrFile)
    {
        ArgumentNullException.ThrowIfNull(nameOrFile);
        return Find(nameOrFile) ?? (File.Exists(nameOrFile)
            ? TemplateFile.Load(nameOrFile)
            : throw new ChatTemplateException(
                nameOrFile,
                $"there is no such file, and the built-in templates are {string.Join(", ", Names)}."));
    }

    /// <summary>A built-in template by its name; null where there is none of that name.</summary>
    public static IChatTemplate? Find(string name) => name switch
    {
        "transcript" => Transcript,
        "plain" => Plain,
        "chatml" => ChatMl,
        _ => null,
    };

    /// <summary>The template of a model folder: its own, or the transcript where it has none.</summary>
    /// <param name="directory">The folder, in HuggingFace's layout.</param>
    /// <exception cref="ChatTemplateException">
    /// The folder has a template that is not implemented; the message names the file.
    /// </exception>
    public static IChatTemplate OfModel(string directory)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        var jinja = Path.Combine(directory, "chat_template.jinja");
        var config = Path.Combine(directory, "tokenizer_config.json");
        return File.Exists(jinja) ? TemplateFile.Load(jinja)
            : File.Exists(config) && JinjaOf(config) is { } source ? TemplateFile.OfJinja(config, source)
            : Transcript;
    }

    private static string? JinjaOf(string config)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(config));
            if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty(
                "chat_template",
                out var template))
            {
                return null;
            }

            return template.ValueKind switch
            {
                JsonValueKind.String => template.GetString(),
                JsonValueKind.Null => null,
                _ => throw new ChatTemplateException(config, "its chat_template is not one text."),
            };
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new ChatTemplateException(config, e.Message, e);
        }
    }
}
