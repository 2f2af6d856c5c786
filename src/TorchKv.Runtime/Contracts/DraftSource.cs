using TorchKv.Runtime.Speculation;

namespace TorchKv.Runtime.Contracts;

/// <summary>Where guesses at the next tokens come from.</summary>
public enum DraftSource
{
    /// <summary>From the text itself: what followed the last place where it read the same (prompt lookup).</summary>
    PromptLookup,

    /// <summary>From a smaller model of the same vocabulary, which the engine was given.</summary>
    DraftModel,
}
