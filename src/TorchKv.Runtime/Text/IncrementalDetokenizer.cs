using System.Text;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Text;

/// <summary>
/// Turns ids into text as they come. A piece never ends in the middle of a character, and the pieces, with
/// <see cref="Finish"/>'s, join to <see cref="Gpt2Tokenizer.Decode"/> of all ids, or to that up to the first stop text.
/// </summary>
/// <remarks>Belongs to one sequence; not thread-safe.</remarks>
public sealed class IncrementalDetokenizer
{
    private readonly Gpt2Tokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private readonly StopTextScanner _scanner;
    private char[] _characters = new char[64];

    /// <summary>A detokenizer for one sequence.</summary>
    /// <param name="tokenizer">Whose ids they are.</param>
    /// <param name="stop">Texts that end the text where they appear, across token borders too; they are not part of it.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    /// <exception cref="OptionException">A stop text is empty.</exception>
    public IncrementalDetokenizer(Gpt2Tokenizer tokenizer, IReadOnlyList<string>? stop = null, bool skipSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _skipSpecialTokens = skipSpecialTokens;
        _scanner = new StopTextScanner(stop ?? []);
    }

    /// <summary>Whether a stop text has ended the text; nothing comes after it.</summary>
    public bool IsStopped => _scanner.Found is not null;

    /// <summary>The stop text that ended the text; null where none has.</summary>
    public string? StopText => _scanner.Found;

    /// <summary>The text that an id adds; empty where a character has not ended yet or a stop text may have begun.</summary>
    public string Append(int id)
        => IsStopped || (_skipSpecialTokens && _tokenizer.IsSpecial(id)) ? "" : Append(_tokenizer.TokenBytes(id), flush: false);

    /// <summary>What was held back, now that no id comes any more: U+FFFD for a character cut short, the beginning of a stop text that did not come.</summary>
    public string Finish() => IsStopped ? "" : Append([], flush: true) + _scanner.Finish();

    private string Append(ReadOnlySpan<byte> bytes, bool flush)
    {
        var room = _decoder.GetCharCount(bytes, flush);
        if (_characters.Length < room)
        {
            _characters = new char[room];
        }

        // What is no UTF-8 comes out as U+FFFD, one for each longest broken beginning, as in a decode of the whole.
        var count = _decoder.GetChars(bytes, _characters, flush);
        return count == 0 ? "" : _scanner.Append(new string(_characters, 0, count));
    }
}
