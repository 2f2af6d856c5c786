using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Sampling;

/// <summary>A finished sequence of a beam search.</summary>
/// <param name="TokenIds">The generated ids, without the prompt and without the end-of-text id.</param>
/// <param name="Score">
/// Sum of the tokens' (processed) log-probabilities, the end-of-text id's included, ÷ number of them to the power of
/// the length penalty: HuggingFace's <c>sequences_scores</c>.
/// </param>
/// <param name="EosTokenId">The end-of-text id that ended it; null where the budget did.</param>
internal sealed record BeamHypothesis(IReadOnlyList<int> TokenIds, float Score, int? EosTokenId)
{
    /// <summary>Why the sequence ended.</summary>
    public FinishReason FinishReason => EosTokenId is null ? FinishReason.Length : FinishReason.Stop;
}
