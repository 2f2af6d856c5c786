using System.Text;

namespace Microsoft.ML.Tokenizers;

/// <summary>GPT-2's printable character for each byte: printable Latin-1 stands for itself, the other 68 follow from U+0100 on.</summary>
internal static class ByteEncoding
{
    private static readonly char[] s_characters = MakeCharacters();
    private static readonly Dictionary<char, byte> s_bytes = s_characters.Select((character, value) => (character, value)).ToDictionary(pair => pair.character, pair => (byte)pair.value);

    /// <summary>The character that stands for a byte.</summary>
    public static char ToCharacter(byte value) => s_characters[value];

    /// <summary>The bytes of a token; a character that stands for no byte gives its own UTF-8.</summary>
    public static byte[] ToBytes(string token)
    {
        var bytes = new byte[Encoding.UTF8.GetMaxByteCount(token.Length)];
        var count = 0;
        for (var i = 0; i < token.Length;)
        {
            if (s_bytes.TryGetValue(token[i], out var value))
            {
                bytes[count++] = value;
                i++;
            }
            else
            {
                Rune.DecodeFromUtf16(token.AsSpan(i), out var rune, out var length);
                count += rune.EncodeToUtf8(bytes.AsSpan(count));
                i += length;
            }
        }

        return bytes.AsSpan(0, count).ToArray();
    }

    /// <summary>
    /// UTF-8 of <paramref name="text"/>, and for each byte the index of the (first) UTF-16 code unit that it comes from.
    /// A surrogate without its partner gives the three bytes of its own code point.
    /// </summary>
    /// <returns>The number of bytes.</returns>
    public static int GetBytes(ReadOnlySpan<char> text, Span<byte> bytes, Span<int> origins)
    {
        var count = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var start = count;
            int c = text[i];
            if (c < 0x80)
            {
                bytes[count++] = (byte)c;
            }
            else if (c < 0x800)
            {
                bytes[count++] = (byte)(0xC0 | (c >> 6));
                bytes[count++] = (byte)(0x80 | (c & 0x3F));
            }
            else if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
            {
                var scalar = char.ConvertToUtf32(text[i], text[i + 1]);
                bytes[count++] = (byte)(0xF0 | (scalar >> 18));
                bytes[count++] = (byte)(0x80 | ((scalar >> 12) & 0x3F));
                bytes[count++] = (byte)(0x80 | ((scalar >> 6) & 0x3F));
                bytes[count++] = (byte)(0x80 | (scalar & 0x3F));
            }
            else
            {
                bytes[count++] = (byte)(0xE0 | (c >> 12));
                bytes[count++] = (byte)(0x80 | ((c >> 6) & 0x3F));
                bytes[count++] = (byte)(0x80 | (c & 0x3F));
            }

            origins[start..count].Fill(i);
            i += count - start == 4 ? 1 : 0;
        }

        return count;
    }

    private static char[] MakeCharacters()
    {
        var characters = new char[256];
        var next = 0x100;
        for (var value = 0; value < 256; value++)
        {
            var isPrintable = value is (>= 0x21 and <= 0x7E) or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            characters[value] = (char)(isPrintable ? value : next++);
        }

        return characters;
    }
}
