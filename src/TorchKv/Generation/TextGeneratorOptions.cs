using TorchKv.Caching;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Generation;

/// <summary>How a <see cref="TextGenerator"/> runs its model. Immutable.</summary>
public sealed record TextGeneratorOptions
{
    /// <summary>The cache; null: none, every pass computes the whole sequence again.</summary>
    public KvCacheKind? Cache { get; init; } = KvCacheKind.Static;

    /// <summary>Tokens that a <see cref="KvCacheKind.SlidingWindow"/> keeps; null: the model's own, or the whole context.</summary>
    public int? WindowSize { get; init; }

    /// <summary>Ids that end a text where a call names none; null: the tokenizer's end-of-text.</summary>
    public IReadOnlyList<int>? EosTokenIds { get; init; }

    /// <summary>These options, if a generator can have them.</summary>
    /// <exception cref="TorchKvException">It cannot; the message names the option and the limit.</exception>
    internal TextGeneratorOptions Validated()
    {
        if (WindowSize is < 1)
        {
            throw new OptionException("window", $"{WindowSize}", "1 or more");
        }

        return WindowSize is null || Cache is KvCacheKind.SlidingWindow
            ? this
            : throw new OptionException("window", $"{WindowSize}", "left out but for a sliding window");
    }
}
