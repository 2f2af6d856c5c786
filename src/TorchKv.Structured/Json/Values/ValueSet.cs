using TorchKv.Structured.Json.Numbers;

namespace TorchKv.Structured.Json.Values;

/// <summary>A set of JSON values, type by type.</summary>
internal sealed record ValueSet
{
    /// <summary>Whether null is in the set.</summary>
    public bool Null { get; init; }

    /// <summary>Whether true is in the set.</summary>
    public bool True { get; init; }

    /// <summary>Whether false is in the set.</summary>
    public bool False { get; init; }

    /// <summary>The numbers.</summary>
    public NumberSet Numbers { get; init; } = NumberSet.None;

    /// <summary>The strings.</summary>
    public TextSet Strings { get; init; } = TextSet.None;

    /// <summary>The arrays: those of any of the shapes.</summary>
    public IReadOnlyList<ArrayShape> Arrays { get; init; } = [];

    /// <summary>The objects: those of any of the shapes.</summary>
    public IReadOnlyList<ObjectShape> Objects { get; init; } = [];

    /// <summary>Whether the set is known to be empty: no type has anything left.</summary>
    public bool IsEmpty => !Null && !True && !False && Numbers.Kind == NumberSetKind.None
        && Strings.Kind == TextSetKind.None && Arrays.Count == 0 && Objects.Count == 0;
}
