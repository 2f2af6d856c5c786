namespace TorchKv.Runtime.Contracts;

/// <summary>
/// The tokens of a vocabulary, each as the bytes that it stands for. Ids run from 0 to <see cref="Count"/> − 1.
/// </summary>
/// <remarks>Any number of threads may read one.</remarks>
public interface ITokenVocabulary
{
    /// <summary>Number of token ids.</summary>
    int Count { get; }

    /// <summary>
    /// The bytes of a token: part of a character, or several characters; none where there is no such id.
    /// </summary>
    ReadOnlySpan<byte> TokenBytes(int id);

    /// <summary>
    /// Whether an id is a special token's: it marks a place in the text (its end, a gap to fill) and is no text itself.
    /// </summary>
    bool IsSpecial(int id);
}
