using System.Buffers;
using System.Text;

namespace Microsoft.ML.Tokenizers;

/// <content>From ids to text.</content>
public sealed partial class BpeTokenizer
{
    /// <summary>The text of <paramref name="ids"/>; ids that the vocabulary lacks are left out, bytes that are no UTF-8 give U+FFFD.</summary>
    public override string Decode(IEnumerable<int> ids) => Decode(ids, considerSpecialTokens: true);

    /// <summary>The same, with or without special tokens.</summary>
    public string Decode(IEnumerable<int> ids, bool considerSpecialTokens)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var bytes = new ArrayBufferWriter<byte>();
        var text = new StringBuilder();
        foreach (var id in ids)
        {
            if (TokenOf(id, considerSpecialTokens) is not { } token)
            {
                continue;
            }

            if (ByteLevel)
            {
                bytes.Write(ByteEncoding.ToBytes(token));
            }
            else
            {
                text.Append(token);
            }
        }

        return ByteLevel ? Encoding.UTF8.GetString(bytes.WrittenSpan) : text.ToString();
    }

    /// <summary>
    /// Writes whole characters only: <paramref name="idsConsumed"/> stops before the ids of a character that has not ended.
    /// An id that the vocabulary lacks and bytes that are no UTF-8 are <see cref="OperationStatus.InvalidData"/>.
    /// </summary>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
        => Decode(ids, destination, considerSpecialTokens: true, out idsConsumed, out charsWritten);

    /// <summary>The same, with or without special tokens.</summary>
    public OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, bool considerSpecialTokens, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        idsConsumed = 0;
        charsWritten = 0;
        var held = new ArrayBufferWriter<byte>();
        var hanging = 0;
        Span<char> characters = stackalloc char[2];
        foreach (var id in ids)
        {
            hanging++;
            if (TokenOf(id, considerSpecialTokens) is not { } token)
            {
                if (!_specialTokensById.ContainsKey(id))
                {
                    return OperationStatus.InvalidData;
                }

                token = "";
            }

            held.Write(ByteLevel ? ByteEncoding.ToBytes(token) : Encoding.UTF8.GetBytes(token));
            var text = new StringBuilder();
            var rest = held.WrittenSpan;
            while (Rune.DecodeFromUtf8(rest, out var rune, out var length) is var status && status != OperationStatus.NeedMoreData)
            {
                if (status != OperationStatus.Done)
                {
                    return OperationStatus.InvalidData;
                }

                text.Append(characters[..rune.EncodeToUtf16(characters)]);
                rest = rest[length..];
            }

            if (!rest.IsEmpty)
            {
                continue;
            }

            if (text.Length > destination.Length - charsWritten)
            {
                return OperationStatus.DestinationTooSmall;
            }

            text.CopyTo(0, destination[charsWritten..], text.Length);
            charsWritten += text.Length;
            idsConsumed += hanging;
            hanging = 0;
            held.ResetWrittenCount();
        }

        return OperationStatus.Done;
    }

    private string? TokenOf(int id, bool considerSpecialTokens)
        => _specialTokensById.TryGetValue(id, out var special) ? considerSpecialTokens ? special : null : _tokens.GetValueOrDefault(id);
}
