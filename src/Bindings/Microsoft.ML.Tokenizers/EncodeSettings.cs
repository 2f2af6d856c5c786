namespace Microsoft.ML.Tokenizers;

/// <summary>How a text is encoded.</summary>
public struct EncodeSettings
{
    /// <summary>No limit on the number of tokens.</summary>
    public EncodeSettings() => MaxTokenCount = int.MaxValue;

    /// <summary>Whether the normalizer is applied.</summary>
    public bool ConsiderNormalization { get; set; }

    /// <summary>Whether the pre-tokenizer is applied.</summary>
    public bool ConsiderPreTokenization { get; set; }

    /// <summary>The most tokens to give; at least 1.</summary>
    public int MaxTokenCount { get; set; }
}
