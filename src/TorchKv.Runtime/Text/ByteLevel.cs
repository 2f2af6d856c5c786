using System.Text;

namespace TorchKv.Runtime.Text;

/// <summary>
/// GPT-2's printable character for each byte (<c>bytes_to_unicode</c>): printable Latin-1 characters stand for
/// themselves, and the other 68 bytes have the characters from U+0100 on.
/// </summary>
internal static class ByteLevel
{
    private static readonly char[] s_characters = MakeCharacters();
    private static readonly Dictionary<char, byte> s_bytes =
        Enumerable.Range(0, 256).ToDictionary(value => s_characters[value], value => (byte)value);

    /// <summary>The character that stands for a byte in a vocabulary.</summary>
    public static char ToCharacter(byte value) => s_characters[value];

    /// <summary>The characters of the 256 bytes.</summary>
    public static IReadOnlyCollection<char> Characters => s_bytes.Keys;

    /// <summary>
    /// The bytes of a vocabulary's token; of a token with any other character, its UTF-8 as it is written.
    /// </summary>
    public static byte[] ToBytes(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < token.Length; i++)
        {
            if (!s_bytes.TryGetValue(token[i], out bytes[i]))
            {
                return Encoding.UTF8.GetBytes(token);
            }
        }

        return bytes;
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
