using System.Text;
using TorchKv.Runtime.Text;

namespace TorchKv.Extensions.AI.Templates;

/// <summary>A chat as one prompt, with what the template asks of the answer.</summary>
public sealed record ChatPrompt
{
    /// <summary>The prompt in parts, in order.</summary>
    public required IReadOnlyList<PromptPart> Parts { get; init; }

    /// <summary>Texts that end the model's turn.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Whether blanks and line ends at the start of the answer are left out.</summary>
    public bool TrimsAnswerStart { get; init; }

    /// <summary>The prompt as text.</summary>
    public string Text => string.Concat(Parts.Select(part => part.Text));

    /// <summary>The prompt's token ids.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <returns>The ids; the end-of-text id alone where the prompt is empty and the vocabulary has one.</returns>
    /// <remarks>
    /// Ordinary text of neighbouring parts is encoded together, so that merges work across their borders.
    /// </remarks>
    public IReadOnlyList<int> Encode(Gpt2Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var ids = new List<int>();
        var ordinary = new StringBuilder();
        foreach (var part in Parts)
        {
            if (part.IsTemplate)
            {
                AppendTemplateText(tokenizer, part.Text, ids, ordinary);
            }
            else
            {
                ordinary.Append(part.Text);
            }
        }

        Flush(tokenizer, ids, ordinary);
        return ids.Count == 0 && tokenizer.EndOfTextId is { } end ? [end] : ids;
    }

    /// <summary>Takes the special tokens out of a template's text; the text between them stays ordinary.</summary>
    private static void AppendTemplateText(Gpt2Tokenizer tokenizer, string text, List<int> ids, StringBuilder ordinary)
    {
        var encoded = tokenizer.Encode(text, recognizeSpecialTokens: true);
        if (!encoded.Any(tokenizer.IsSpecial))
        {
            ordinary.Append(text);
            return;
        }

        var run = new List<int>();
        foreach (var id in encoded)
        {
            if (tokenizer.IsSpecial(id))
            {
                ordinary.Append(tokenizer.Decode(run));
                run.Clear();
                Flush(tokenizer, ids, ordinary);
                ids.Add(id);
            }
            else
            {
                run.Add(id);
            }
        }

        ordinary.Append(tokenizer.Decode(run));
    }

    private static void Flush(Gpt2Tokenizer tokenizer, List<int> ids, StringBuilder ordinary)
    {
        if (ordinary.Length > 0)
        {
            ids.AddRange(tokenizer.Encode(ordinary.ToString(), recognizeSpecialTokens: false));
            ordinary.Clear();
        }
    }
}
