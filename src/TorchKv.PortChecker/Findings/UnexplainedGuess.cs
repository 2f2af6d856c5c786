
namespace TorchKv.PortChecking.Findings;

/// <summary>What the circumstances of an unexplained difference suggest.</summary>
internal enum UnexplainedGuess
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The cache holds or gives back something else.</summary>
    Cache,

    /// <summary>The attention weights are right, so the cache gives back other values.</summary>
    CachedValues,

    /// <summary>Heads and positions are transposed, since a step with one token is right.</summary>
    HeadsAndPositions,

    /// <summary>The module has other weights, since its input is right.</summary>
    Weights,
}
