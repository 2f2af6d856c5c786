using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace TorchKv.Runtime.Tests.Text;

/// <summary>
/// GPT-2's expression as a .NET one: a code point outside the basic plane is first replaced by one inside it of the same kind.
/// </summary>
internal static class SplitOracle
{
    private static readonly Regex s_regex = new(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.Compiled | RegexOptions.CultureInvariant);

    public static List<(int Offset, int Length)> Split(string text)
    {
        // starts[i]: where the code point lies in the text that is at i in the replaced one.
        var starts = new List<int>();
        var replaced = new StringBuilder();
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            starts.Add(at);
            at += rune.Utf16SequenceLength;
            replaced.Append(rune.IsBmp ? (char)rune.Value : Rune.GetUnicodeCategory(rune) switch
            {
                UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                    or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => 'x',
                UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => '7',
                _ => '#',
            });
        }

        starts.Add(at);
        return [.. s_regex.Matches(replaced.ToString()).Select(match => (starts[match.Index], starts[match.Index + match.Length] - starts[match.Index]))];
    }

    /// <summary>Code points of every kind that the expression tells apart, and those that are easy to get wrong.</summary>
    public static string[] Alphabet() =>
    [
        "a", "b", "s", "t", "re", "ve", "ll", "d", "m", "'", "'", "'s", "'ll", "\u2019", "S",
        " ", " ", "  ", "\t", "\n", "\r\n", "\u00A0", "\u0085", "\u1680", "\u2003", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000", "\u180E", "\u200B", "\uFEFF", "\u001C", "\u001F", "\0",
        "1", "42", "\u0663", "\u096B", "\u00BD", "\u2167", "\u3007", "\U0001D7D9", "\U00010107",
        "\u00E9", "\u4E00", "\u05D0", "\u02B0", "\u01C5", "\uAC00", "\uFDFA", "\U0001D400", "\U00020000", "\U00010400",
        "\u0301", "\u093F", "\u20DD", "\U0001F600", "\U0001F3FD", "\u200D", "\uFE0F", "\U000E0001", "\uE000", "\U0010FFFF", "\uFFFD", "!", "_", "+", "\u00AD", "<|endoftext|>",
    ];
}
