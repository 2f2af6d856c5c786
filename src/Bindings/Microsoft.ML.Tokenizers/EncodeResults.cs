namespace Microsoft.ML.Tokenizers;

/// <summary>What encoding a text gave.</summary>
public struct EncodeResults<T>
{
    /// <summary>The tokens or ids.</summary>
    public IReadOnlyList<T> Tokens { get; set; }

    /// <summary>The text after normalization; null where none took place.</summary>
    public string? NormalizedText { get; set; }

    /// <summary>UTF-16 code units of the text that the tokens stand for.</summary>
    public int CharsConsumed { get; set; }
}
