namespace TorchKv.Runtime.Contracts;

/// <summary>
/// What the engine and its users need to know of a model: sizes and the ids that begin and end a text.
/// </summary>
/// <remarks>Any decoder with a KV cache has one; the configuration of a GPT-2 is <c>Gpt2Config</c>.</remarks>
public sealed record ModelShape
{
    /// <summary>Number of token ids; ids run from 0 to this − 1.</summary>
    public required int VocabSize { get; init; }

    /// <summary>The most tokens that one sequence can hold.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Number of transformer blocks.</summary>
    public required int LayerCount { get; init; }

    /// <summary>Attention heads per layer that keep keys and values.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Width of one head.</summary>
    public required int HeadDim { get; init; }

    /// <summary>The id that begins a text; null where the model has none.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>The ids that end a text; empty where the model has none.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];
}
