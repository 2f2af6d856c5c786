namespace TorchKv.Runtime.Contracts;

/// <summary>The source of drafts.</summary>
public enum DraftSource
{
    /// <summary>
    /// From the text itself: the tokens that followed the last place where it read the same (prompt lookup).
    /// </summary>
    PromptLookup,

    /// <summary>From a smaller model of the same vocabulary, which the engine was given.</summary>
    DraftModel,
}
