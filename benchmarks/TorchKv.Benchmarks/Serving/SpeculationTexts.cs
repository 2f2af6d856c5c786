namespace TorchKv.Benchmarks.Serving;

/// <summary>Texts to guess ahead on.</summary>
/// <param name="Prompts">Prompts that the model goes on from as it likes.</param>
/// <param name="Given">Texts that are given whole: the prompt, and what the model is to say after it.</param>
internal sealed record SpeculationTexts(
    IReadOnlyList<string> Prompts, IReadOnlyList<(string Prompt, string Continuation)> Given)
{
    private const string Border = ">>>";

    /// <summary>
    /// Reads texts, one after each line <c># prompt</c> or <c># given</c>; in a given one <c>&gt;&gt;&gt;</c> ends the
    /// prompt.
    /// </summary>
    /// <param name="path">The file; null: the texts that come with the program.</param>
    /// <exception cref="InvalidDataException">A text is of no kind, or has no border.</exception>
    public static SpeculationTexts Load(string? path)
    {
        using var reader = path is null
            ? new StreamReader(typeof(SpeculationTexts).Assembly.GetManifestResourceStream("speculation-texts.txt")!)
            : new StreamReader(path);
        var (prompts, given) = (new List<string>(), new List<(string, string)>());
        foreach (var piece in ("\n" + reader.ReadToEnd()).Split("\n# ", StringSplitOptions.RemoveEmptyEntries))
        {
            var end = piece.IndexOf('\n', StringComparison.Ordinal);
            var (kind, text) = ((end < 0 ? piece : piece[..end]).Trim(), piece[(end + 1)..].Trim('\n'));
            var border = text.IndexOf(Border, StringComparison.Ordinal);
            if (kind == "prompt")
            {
                prompts.Add(text);
            }
            else if (kind == "given" && border > 0)
            {
                given.Add((text[..border], text[(border + Border.Length)..]));
            }
            else
            {
                throw new InvalidDataException(
                    $"'# {kind}' in the texts: a text follows '# prompt', or '# given' with '{Border}' in it.");
            }
        }

        return new SpeculationTexts(prompts, given);
    }
}
