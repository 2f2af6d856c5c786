using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Weights;

/// <summary>
/// The parameters of a checkpoint, with matrices packed in panels. <see cref="WeightLoader"/> makes them; they do not
/// change afterwards.
/// </summary>
internal sealed unsafe class Gpt2Weights : IDisposable
{
    /// <summary>The configuration of the model.</summary>
    public required Gpt2Config Config { get; init; }

    /// <summary>The token embedding, (vocabulary, width), if it is not tied to the head; else null.</summary>
    public required float* Embedding { get; init; }

    /// <summary>The position embedding, (context, width).</summary>
    public required float* Positions { get; init; }

    /// <summary>The layers in order.</summary>
    public required IReadOnlyList<LayerWeights> Layers { get; init; }

    /// <summary>The LayerNorm after the last layer.</summary>
    public required NormWeights FinalNorm { get; init; }

    /// <summary>The output head. If embeddings are tied, it is also the token embedding.</summary>
    public required PackedMatrix Head { get; init; }

    /// <summary>The memory of all of them.</summary>
    public required WeightMemory Memory { get; init; }

    /// <summary>Bytes of matrices, which a decode step reads once.</summary>
    public long BytesPerPass => Head.Bytes
        + Layers.Sum(layer => layer.Qkv.Bytes + layer.Projection.Bytes + layer.Up.Bytes + layer.Down.Bytes);

    public void Dispose() => Memory.Dispose();
}
