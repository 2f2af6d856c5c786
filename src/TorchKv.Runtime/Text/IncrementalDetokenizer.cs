using System.Text;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Text;

/// <summary>
/// Turns ids into text one by one. A piece of text never ends in the middle of a character. All pieces and the one of
/// <see cref="Finish"/> join to <see cref="Gpt2Tokenizer.Decode"/> of all ids, cut off before the first stop text.
/// </summary>
/// <remarks>Belongs to one sequence; not thread-safe.</remarks>
internal sealed class IncrementalDetokenizer
{
    private readonly ITokenVocabulary _vocabulary;
    private readonly bool _skipSpecialTokens;
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private readonly StopTextScanner _scanner;
    private readonly int _minTokens;
    private int _tokens;
    private char[] _characters = new char[64];

    /// <summary>A detokenizer for one sequence.</summary>
    /// <param name="vocabulary">The vocabulary of the ids.</param>
    /// <param name="stop">
    /// Texts that end the text where they appear, also across tokens; they are not part of it.
    /// </param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    /// <param name="includeStop">Whether the stop text that ends the text is part of it.</param>
    /// <param name="minTokens">Tokens whose text completes no stop text.</param>
    /// <exception cref="OptionException">A stop text is empty.</exception>
    public IncrementalDetokenizer(
        ITokenVocabulary vocabulary,
        IReadOnlyList<string>? stop = null,
        bool skipSpecialTokens = false,
        bool includeStop = false,
        int minTokens = 0)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        _vocabulary = vocabulary;
        _skipSpecialTokens = skipSpecialTokens;
        _minTokens = minTokens;
        _scanner = new StopTextScanner(stop ?? [], includeStop);
    }

    /// <summary>Whether a stop text has ended the text; nothing comes after it.</summary>
    public bool IsStopped => _scanner.Found is not null;

    /// <summary>The stop text that ended the text; null while none has.</summary>
    public string? FoundStop => _scanner.Found;

    /// <summary>
    /// The text that an id adds; empty where a character has not ended yet or a stop text may have begun.
    /// </summary>
    public string Append(int id)
    {
        _scanner.IsArmed = ++_tokens > _minTokens;
        return IsStopped || (_skipSpecialTokens && _vocabulary.IsSpecial(id))
            ? ""
            : Append(_vocabulary.TokenBytes(id), flush: false);
    }

    /// <summary>
    /// The rest of the text after the last id: U+FFFD for a character that was cut short, and the beginning of a stop
    /// text that did not come.
    /// </summary>
    public string Finish() => IsStopped ? "" : Append([], flush: true) + _scanner.Finish();

    private string Append(ReadOnlySpan<byte> bytes, bool flush)
    {
        var room = _decoder.GetCharCount(bytes, flush);
        if (_characters.Length < room)
        {
            _characters = new char[room];
        }

        // Broken UTF-8 gives U+FFFD, one for each longest broken beginning, as in Decode of the whole.
        var count = _decoder.GetChars(bytes, _characters, flush);
        return count == 0 ? "" : _scanner.Append(new string(_characters, 0, count));
    }
}
