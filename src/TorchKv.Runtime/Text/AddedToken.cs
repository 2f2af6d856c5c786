namespace TorchKv.Runtime.Text;

/// <summary>
/// A token that is found in a text as it is written, before the rest of the text is split into pieces.
/// </summary>
/// <param name="Content">What is searched for; at least one character.</param>
/// <param name="IsSpecial">
/// Whether it marks a place in the text and is no text itself (HuggingFace: <c>special</c>).
/// </param>
/// <param name="IsNormalized">
/// Whether it is searched for second, in the text between the tokens that are not normalized (HuggingFace:
/// <c>normalized</c>).
/// </param>
internal sealed record AddedToken(string Content, bool IsSpecial, bool IsNormalized);
