using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Models;

/// <summary>One finished beam.</summary>
/// <param name="Ids">The new ids, an end-of-text id not among them.</param>
/// <param name="Text">Their text; null without a tokenizer.</param>
/// <param name="Score">HuggingFace's <c>sequences_scores</c>.</param>
internal sealed record BeamResult(IReadOnlyList<int> Ids, string? Text, double Score, FinishReason FinishReason);
