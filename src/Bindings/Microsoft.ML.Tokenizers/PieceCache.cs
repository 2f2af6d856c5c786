namespace Microsoft.ML.Tokenizers;

/// <summary>A piece of text with its tokens; immutable.</summary>
/// <param name="Text">The piece.</param>
/// <param name="Ids">Its token ids.</param>
/// <param name="Lengths">Each token's length in symbols: bytes where the vocabulary is byte-level, else UTF-16 code units.</param>
/// <param name="IsSpecial">Whether the piece is a special token, one id for the whole.</param>
internal sealed record Piece(string Text, int[] Ids, int[] Lengths, bool IsSpecial);

/// <summary>
/// Remembers the tokens of short pieces: one slot for each hash value, the newest piece wins. Its size is bounded
/// (slots × the longest piece kept), and any number of threads may use it: a slot is one reference, read and written whole.
/// </summary>
internal sealed class PieceCache
{
    private const int LongestPiece = 32;
    private const int SlotCount = 1 << 15;

    private readonly Piece?[] _slots = new Piece?[SlotCount];

    /// <summary>The remembered piece, if it is this one.</summary>
    public Piece? Find(ReadOnlySpan<char> text)
    {
        if (text.Length > LongestPiece)
        {
            return null;
        }

        var piece = Volatile.Read(ref _slots[Slot(text)]);
        return piece is not null && text.SequenceEqual(piece.Text) ? piece : null;
    }

    /// <summary>Remembers a piece unless it is long.</summary>
    public void Keep(Piece piece)
    {
        if (piece.Text.Length <= LongestPiece)
        {
            Volatile.Write(ref _slots[Slot(piece.Text)], piece);
        }
    }

    // The seeded hash of strings: nobody can choose texts that all fall into one slot.
    private static int Slot(ReadOnlySpan<char> text) => string.GetHashCode(text) & (SlotCount - 1);
}
