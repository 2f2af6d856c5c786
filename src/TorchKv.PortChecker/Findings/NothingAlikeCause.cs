
namespace TorchKv.PortChecking.Findings;

/// <summary>Why two outputs have nothing in common although their input is right.</summary>
internal enum NothingAlikeCause
{
    /// <summary>Other weights.</summary>
    Weights,

    /// <summary>Heads and positions are transposed, since the weights are the same.</summary>
    HeadsAndPositions,

    /// <summary>Either of them: the trace does not describe the weights.</summary>
    WeightsOrHeads,
}
