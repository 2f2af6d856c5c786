
namespace TorchKv.PortChecking.Findings;

/// <summary>The output has another shape.</summary>
/// <param name="Original">The original's shape.</param>
/// <param name="Port">The port's shape.</param>
internal abstract record ShapeFinding(int[] Original, int[] Port) : Finding
{
    /// <summary>Attention weights, (batch, heads, queries, keys), for another number of keys.</summary>
    public sealed record KeyCount(int[] Original, int[] Port, KeyCountCause Cause) : ShapeFinding(Original, Port)
    {
        public override ResemblanceKind Kind => ResemblanceKind.Cache;
    }

    /// <summary>Attention weights, (batch, heads, queries, keys), for another number of heads.</summary>
    public sealed record HeadCount(int[] Original, int[] Port) : ShapeFinding(Original, Port)
    {
        public override ResemblanceKind Kind => ResemblanceKind.Heads;
    }

    /// <summary>The same sizes in another order.</summary>
    public sealed record Transposed(int[] Original, int[] Port) : ShapeFinding(Original, Port)
    {
        public override ResemblanceKind Kind => ResemblanceKind.Transposed;
    }

    /// <summary>Other sizes.</summary>
    public sealed record Different(int[] Original, int[] Port) : ShapeFinding(Original, Port)
    {
        public override ResemblanceKind Kind => ResemblanceKind.Shape;
    }
}
