namespace TorchKv.Runtime.Text;

/// <summary>Everything that a folder's files say of a tokenizer.</summary>
internal sealed record TokenizerDefinition
{
    /// <summary>Token → id, without the added tokens; bytes are written as <see cref="ByteLevel"/> has them.</summary>
    public required Dictionary<string, int> Vocabulary { get; init; }

    /// <summary>Pairs "left right" of two tokens that join to a third, best first.</summary>
    public required List<string> Merges { get; init; }

    /// <summary>
    /// Tokens that are found in a text before it is split; some are in the vocabulary too, with the same id.
    /// </summary>
    public required IReadOnlyCollection<(AddedToken Token, int Id)> Added { get; init; }

    /// <summary>The id that ends a text; null: none.</summary>
    public int? EndOfTextId { get; init; }

    /// <summary>Whether a space goes before a text that does not begin with one.</summary>
    public bool AddPrefixSpace { get; init; }

    /// <summary>
    /// The token of the vocabulary for a byte that the vocabulary lacks; null: such a byte is left out.
    /// </summary>
    public string? UnknownToken { get; init; }

    /// <summary>Whether several such bytes in a row give one <see cref="UnknownToken"/>.</summary>
    public bool FuseUnknownTokens { get; init; }
}
