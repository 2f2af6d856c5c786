using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;

namespace TorchKv.Testing;

/// <summary>Logits as HuggingFace's warpers leave them.</summary>
internal static class LogitsWarping
{
    /// <summary>Applies temperature, top-k, top-p, min-p and typical-p; removed tokens become −∞.</summary>
    /// <param name="processors">What applies them.</param>
    /// <param name="logits">(vocabulary).</param>
    /// <param name="options">Validated options.</param>
    public static void Warp(this LogitsProcessors processors, Span<float> logits, GenerationOptions options)
    {
        processors.Select(logits, options);
        var ids = processors.CandidateIds;
        var kept = processors.CandidateLogits;
        logits.Fill(float.NegativeInfinity);
        for (var i = 0; i < ids.Length; i++)
        {
            logits[ids[i]] = kept[i];
        }
    }
}
