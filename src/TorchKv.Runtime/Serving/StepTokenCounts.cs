using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Serving;

/// <summary>
/// How many steps had how many tokens: a count for each of <see cref="Bounds"/>, and one for larger steps.
/// </summary>
[InlineArray(Length)]
public struct StepTokenCounts : IEquatable<StepTokenCounts>
{
    /// <summary>The number of counts.</summary>
    public const int Length = 14;

    private long _first;

    /// <summary>The most tokens of the steps that each count has, ascending; the last count has no bound.</summary>
    public static IReadOnlyList<int> Bounds { get; } =
        [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];

    /// <summary>Whether two have the same counts.</summary>
    public static bool operator ==(StepTokenCounts left, StepTokenCounts right) => left.Equals(right);

    /// <summary>Whether two have different counts.</summary>
    public static bool operator !=(StepTokenCounts left, StepTokenCounts right) => !left.Equals(right);

    /// <inheritdoc/>
    public readonly bool Equals(StepTokenCounts other) =>
        ((ReadOnlySpan<long>)this).SequenceEqual((ReadOnlySpan<long>)other);

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is StepTokenCounts other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode() => HashCode.Combine(this[0], this[1], this[2]);

    /// <summary>Counts a step.</summary>
    internal void Add(int tokens)
    {
        var bound = 0;
        while (bound < Bounds.Count && tokens > Bounds[bound])
        {
            bound++;
        }

        this[bound]++;
    }
}
