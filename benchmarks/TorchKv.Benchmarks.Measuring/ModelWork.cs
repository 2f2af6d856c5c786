using TorchKv.Runtime.Configuration;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>What a model's steps take: multiplications and additions, and bytes that must be read.</summary>
internal static class ModelWork
{
    /// <summary>
    /// Operations (a multiplication and an addition are two) of a text's prefill with logits of its last token: the
    /// matrices for every token, causal attention, the head once.
    /// </summary>
    public static double PrefillOperations(Gpt2Config config, int tokens)
    {
        double width = config.EmbeddingSize, inner = config.InnerSize;
        var matrices = config.LayerCount * ((4 * width * width) + (2 * width * inner));
        var attention = config.LayerCount * width * (tokens + 1.0);
        return (2 * tokens * (matrices + attention)) + (2 * width * config.VocabSize);
    }

    /// <summary>
    /// Bytes that a decode step reads: the weights once, of the position embeddings a row, and every sequence's keys
    /// and values.
    /// </summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="position">Tokens before the step's.</param>
    /// <param name="batch">Sequences.</param>
    /// <param name="elementBytes">Bytes of a number, in weights and keys and values alike.</param>
    public static long DecodeBytes(Gpt2Config config, int position, int batch, int elementBytes)
    {
        var weights = config.ParameterCount - ((long)config.ContextLength * config.EmbeddingSize);
        var keysAndValues = 2L * config.LayerCount * config.EmbeddingSize * position * batch;
        return (weights + keysAndValues) * elementBytes;
    }
}
