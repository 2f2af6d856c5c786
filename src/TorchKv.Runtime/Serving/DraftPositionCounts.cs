using System.Runtime.CompilerServices;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Serving;

/// <summary>How often the first, the second, … of the tokens that were drafted together was accepted.</summary>
[InlineArray(Length)]
public struct DraftPositionCounts : IEquatable<DraftPositionCounts>
{
    /// <summary>The number of counts: the most tokens that are drafted together.</summary>
    public const int Length = SpeculationOptions.MostDraftTokens;

    private long _first;

    /// <summary>Whether two have the same counts.</summary>
    public static bool operator ==(DraftPositionCounts left, DraftPositionCounts right) => left.Equals(right);

    /// <summary>Whether two have different counts.</summary>
    public static bool operator !=(DraftPositionCounts left, DraftPositionCounts right) => !left.Equals(right);

    /// <inheritdoc/>
    public readonly bool Equals(DraftPositionCounts other) =>
        ((ReadOnlySpan<long>)this).SequenceEqual((ReadOnlySpan<long>)other);

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is DraftPositionCounts other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode() => HashCode.Combine(this[0], this[1], this[2]);

    /// <summary>Counts drafts of which the first <paramref name="accepted"/> were accepted.</summary>
    internal void Add(int accepted)
    {
        // Forced tokens of a constraint may be more than a request's drafts.
        for (var i = 0; i < Math.Min(accepted, Length); i++)
        {
            this[i]++;
        }
    }
}
