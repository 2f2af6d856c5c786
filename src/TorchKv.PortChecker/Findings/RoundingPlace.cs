namespace TorchKv.PortChecking.Findings;

/// <summary>Where a small error without a pattern comes from.</summary>
internal enum RoundingPlace
{
    /// <summary>A cache that keeps keys or values in fewer bits.</summary>
    Cache,

    /// <summary>The weights or the arithmetic of the whole model.</summary>
    Everywhere,

    /// <summary>This module alone, since matrix products before it are right.</summary>
    ThisModule,
}
