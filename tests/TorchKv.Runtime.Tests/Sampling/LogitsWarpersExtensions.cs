using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;

namespace TorchKv.Runtime.Tests.Sampling;

internal static class LogitsWarpersExtensions
{
    /// <summary>
    /// Applies temperature, top-k, top-p, min-p and typical-p in place, as HuggingFace's warpers do; removed tokens
    /// become −∞.
    /// </summary>
    public static void Warp(this LogitsWarpers warpers, Span<float> logits, GenerationOptions options)
    {
        warpers.Select(logits, options);
        logits.Fill(float.NegativeInfinity);
        for (var i = 0; i < warpers.CandidateIds.Length; i++)
        {
            logits[warpers.CandidateIds[i]] = warpers.CandidateLogits[i];
        }
    }
}
