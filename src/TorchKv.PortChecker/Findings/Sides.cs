namespace TorchKv.PortChecking.Findings;

/// <summary>Helpers of <see cref="Side"/>.</summary>
internal static class Sides
{
    /// <summary>The other one of the two.</summary>
    public static Side Other(this Side side) => side == Side.Port ? Side.Original : Side.Port;
}
