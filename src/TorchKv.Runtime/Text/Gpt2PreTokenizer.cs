using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace TorchKv.Runtime.Text;

/// <summary>
/// GPT-2's split into pieces: <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c>.
/// </summary>
/// <remarks>
/// Written by hand because a .NET regular expression sees UTF-16 code units: to it a letter outside the basic plane
/// (𝐀, 𠀀) is two surrogates and no letter, while the original's expression works on code points.
/// White space is Unicode's White_Space property, which unlike Python's <c>str.isspace</c> leaves out U+001C to U+001F.
/// </remarks>
internal sealed class Gpt2PreTokenizer : PreTokenizer
{
    private const byte Letter = 1;
    private const byte Number = 2;
    private const byte Space = 3;
    private const byte Other = 4;

    private static ReadOnlySpan<byte> AsciiClasses =>
    [
        4, 4, 4, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
        3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4,
        4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4, 4, 4, 4, 4,
        4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4, 4, 4, 4, 4,
    ];

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text)
        => string.IsNullOrEmpty(text) ? [] : Split(text.AsMemory());

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
        => text.IsEmpty ? [] : Split(text.ToArray());

    private static IEnumerable<(int Offset, int Length)> Split(ReadOnlyMemory<char> text)
    {
        for (var offset = 0; offset < text.Length;)
        {
            var length = PieceLength(text.Span[offset..]);
            yield return (offset, length);
            offset += length;
        }
    }

    /// <summary>UTF-16 code units of the piece that a text begins with; the text is not empty.</summary>
    internal static int PieceLength(ReadOnlySpan<char> text)
    {
        if (text[0] == '\'' && ContractionLength(text) is > 0 and var contraction)
        {
            return contraction;
        }

        var start = text[0] == ' ' && text.Length > 1 ? 1 : 0;
        var kind = ClassOf(text[start..], out var length);
        return kind == Space ? SpaceLength(text) : start + RunLength(text[start..], kind, length);
    }

    private static int ContractionLength(ReadOnlySpan<char> text)
    {
        if (text.Length > 1 && text[1] is 's' or 't' or 'm' or 'd')
        {
            return 2;
        }

        return text.Length > 2 && text[1..3] is "re" or "ve" or "ll" ? 3 : 0;
    }

    private static int RunLength(ReadOnlySpan<char> text, byte kind, int length)
    {
        while (length < text.Length && ClassOf(text[length..], out var next) == kind)
        {
            length += next;
        }

        return length;
    }

    /// <summary>A run of white space before something else leaves its last character to what follows.</summary>
    private static int SpaceLength(ReadOnlySpan<char> text)
    {
        var run = RunLength(text, Space, 1);
        return run == text.Length ? run : Math.Max(1, run - 1);
    }

    private static byte ClassOf(ReadOnlySpan<char> text, out int length)
    {
        length = 1;
        if (text[0] < 0x80)
        {
            return AsciiClasses[text[0]];
        }

        // A surrogate without its partner gives U+FFFD, which is of class Other.
        Rune.DecodeFromUtf16(text, out var rune, out length);
        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Number,
            UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator => Space,
            _ => rune.Value == 0x85 ? Space : Other,
        };
    }
}
