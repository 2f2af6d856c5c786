using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;

namespace TorchKv.Runtime.Tests.Sampling;

internal static class LogitsProcessorsExtensions
{
    /// <summary>Applies the options that hold for greedy decoding too, to a sequence of which nothing was generated.</summary>
    public static void Process(
        this LogitsProcessors processors, Span<float> logits, ReadOnlySpan<int> history, GenerationOptions options) =>
        processors.Process(logits, history, 0, new TokenRules(options, processors.VocabSize, options.EosTokenIds ?? []));
}
