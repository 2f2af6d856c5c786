using System.Globalization;
using System.Text.Json;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Models;

/// <summary>Turns prompts into token ids, and refuses those that the model cannot take.</summary>
internal static class Prompts
{
    /// <summary>The most prompts of one batch.</summary>
    public const int MaxBatch = 4096;

    /// <summary>Gives a prompt's token ids.</summary>
    /// <param name="prompt">A text, or ids.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="tokenizer">The model's; null where its folder has none.</param>
    /// <param name="model">The model.</param>
    /// <param name="problem">Why the folder's tokenizer cannot be used; null: it can, or there is none.</param>
    /// <exception cref="TorchKvException">
    /// It is empty, too long for the context, names an id that is not there, or is text for a model without a
    /// tokenizer.
    /// </exception>
    public static int[] Encode(
        Prompt prompt, string name, Gpt2Tokenizer? tokenizer, ModelShape model, string? problem = null)
    {
        int[] ids = prompt.Ids
            ?? [.. (tokenizer ?? throw WithoutTokenizer(name, "--prompt-ids", problem)).Encode(prompt.Text ?? "")];
        CheckIds(ids, name, model.VocabSize);
        if (ids.Length == 0)
        {
            throw new TorchKvException(
                $"{name} is empty; a text begins with at least one token, <|endoftext|> for instance.");
        }

        if (ids.Length > model.ContextLength)
        {
            throw new TorchKvException(string.Create(
                CultureInfo.InvariantCulture,
                $"{name} has {ids.Length} tokens, but the context holds {model.ContextLength}; shorten it."));
        }

        return ids;
    }

    /// <summary>Refuses ids that the model has no embedding for, wherever they come from.</summary>
    /// <exception cref="TorchKvException">An id is outside the vocabulary.</exception>
    public static void CheckIds(IEnumerable<int> ids, string name, int vocabulary)
    {
        foreach (var id in ids)
        {
            if ((uint)id >= (uint)vocabulary)
            {
                throw new TorchKvException(
                    $"{name} holds the token id {id}, but the model's vocabulary has ids 0 to {vocabulary - 1}.");
            }
        }
    }

    /// <summary>The refusal of a text where the model has no tokenizer that can be used.</summary>
    /// <param name="name">What messages call the text.</param>
    /// <param name="instead">The option that takes ids.</param>
    /// <param name="problem">Why the folder's tokenizer cannot be used; null: it has none.</param>
    public static TorchKvException WithoutTokenizer(string name, string instead, string? problem = null) => new(
        problem is null
            ? $"{name} is text, but the model's folder has no tokenizer (vocab.json and merges.txt); give "
                + $"ids with {instead}."
            : $"{name} is text, but the model's tokenizer cannot be used: {problem} Give ids with {instead}.");

    /// <summary>
    /// Reads a file with one prompt on each line: <c>{"prompt": …}</c> or <c>{"prompt_ids": […]}</c>. A line ends at \n
    /// alone, since JSON text may hold other line separators. Blank lines are skipped.
    /// </summary>
    public static IReadOnlyList<Prompt> ReadLines(string path, CliConsole console)
    {
        var text = path == "-" ? console.ReadAllInput() : CliConsole.ReadFile(path);
        var prompts = new List<Prompt>();
        var number = 0;
        foreach (var line in text.Split('\n'))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }

            if (prompts.Count == MaxBatch)
            {
                throw new TorchKvException($"{path} has more than {MaxBatch} prompts; split it.");
            }

            prompts.Add(ParseLine(line, $"{path}, line {number}"));
        }

        return prompts.Count > 0
            ? prompts
            : throw new TorchKvException(
                $"{path} has no prompt; a line is {{\"prompt\": \"…\"}} or {{\"prompt_ids\": [1, 2]}}.");
    }

    private static Prompt ParseLine(string line, string where)
    {
        try
        {
            using var json = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 8 });
            var root = json.RootElement;
            if (root.ValueKind == JsonValueKind.Object)
            {
                var hasText = root.TryGetProperty("prompt", out var text);
                var hasIds = root.TryGetProperty("prompt_ids", out var ids);
                if (hasText && !hasIds && text.ValueKind == JsonValueKind.String)
                {
                    return new Prompt(text.GetString(), null);
                }

                if (hasIds && !hasText && ids.ValueKind == JsonValueKind.Array && ids.GetArrayLength() <= Values.MaxIds)
                {
                    return new Prompt(null, [.. ids.EnumerateArray().Select(id => ParseId(id, where))]);
                }
            }
        }
        catch (JsonException notJson)
        {
            throw new TorchKvException(
                $"{where} is not JSON ({notJson.Message.Split('.')[0]}); a line is {{\"prompt\": \"…\"}} or "
                + $"{{\"prompt_ids\": [1, 2]}}.",
                notJson);
        }
        catch (InvalidOperationException badText)
        {
            // A string with half a surrogate pair parses, but is no text.
            throw new TorchKvException(
                $"{where}: the prompt is not valid text ({badText.Message.Split('.')[0]}).", badText);
        }

        throw new TorchKvException(
            $"{where} has to be an object with either \"prompt\" (a text) or \"prompt_ids\" (a list of token ids).");
    }

    private static int ParseId(JsonElement id, string where) =>
        id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out var value) && value >= 0
        ? value
        : throw new TorchKvException(
            $"{where}: prompt_ids holds {Values.Shorten(id.GetRawText())}, which is not a token id.");
}
