using TorchKv.PortChecking.Findings;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Outputs of different shapes: another number of keys or heads, or dimensions exchanged.</summary>
internal static class ShapeProbe
{
    /// <summary>Finds how two shapes differ.</summary>
    /// <param name="original">The original's shape.</param>
    /// <param name="port">The port's shape.</param>
    /// <param name="past">The number of tokens in each row before the step.</param>
    public static ShapeFinding Explain(int[] original, int[] port, int past)
    {
        // Attention weights have the shape (batch, heads, queries, keys).
        var areWeights = original.Length == 4 && port.Length == 4 && original[0] == port[0] && original[2] == port[2];
        if (areWeights && original[1] == port[1])
        {
            return new ShapeFinding.KeyCount(original, port, Cause(original[^1], port[^1], original[^2], past));
        }

        if (areWeights && original[3] == port[3])
        {
            return new ShapeFinding.HeadCount(original, port);
        }

        return original.Length == port.Length && original.Order().SequenceEqual(port.Order())
            ? new ShapeFinding.Transposed(original, port)
            : new ShapeFinding.Different(original, port);
    }

    private static KeyCountCause Cause(int wanted, int keys, int queries, int past) =>
        keys == queries && past > 0 ? KeyCountCause.PortWithoutCache
        : wanted == queries && past > 0 ? KeyCountCause.OriginalWithoutCache
        : keys > wanted && past == 0 ? KeyCountCause.CacheNotReset
        : keys > wanted ? KeyCountCause.MoreKeys
        : KeyCountCause.FewerKeys;
}
