namespace TorchKv.PortChecking.Mapping;

/// <summary>Where a mapping of names comes from.</summary>
internal enum NameMatchSource
{
    /// <summary>The options.</summary>
    Options,

    /// <summary>Both models use the same names.</summary>
    SameNames,

    /// <summary>The original uses HuggingFace's names for GPT-2.</summary>
    HuggingFaceGpt2,

    /// <summary>The shapes and the order of the outputs.</summary>
    Shapes,
}
