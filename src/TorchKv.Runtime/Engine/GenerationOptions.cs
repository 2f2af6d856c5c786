using TorchKv.Runtime.Sampling;

namespace TorchKv.Runtime;

/// <summary>What one generation is to do: how tokens are chosen, and when it ends. Immutable.</summary>
public record GenerationOptions : SamplingOptions
{
    /// <summary>The most tokens to generate; it counts tokens, not positions.</summary>
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>Ids that end the text; null: the model's own; empty: none.</summary>
    public IReadOnlyList<int>? EosTokenIds { get; init; }

    /// <summary>Texts that end the text where they appear, across token borders too; they are not part of it.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];
}
