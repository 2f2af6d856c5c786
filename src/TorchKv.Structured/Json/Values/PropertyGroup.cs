using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Json.Values;

/// <summary>
/// What one schema says of an object's properties: by name, by pattern, and of all others. A property that a name and
/// patterns speak of must match them all.
/// </summary>
internal sealed class PropertyGroup
{
    /// <summary>A group.</summary>
    /// <param name="properties">Names and values, in the order of the schema.</param>
    /// <param name="patterns">Sets of names, and the values of the properties so named.</param>
    /// <param name="additional">The values of all other properties.</param>
    public PropertyGroup(
        IReadOnlyList<(string Name, Formula Value)> properties,
        IReadOnlyList<(RegexNode Names, Formula Value)> patterns,
        Formula additional)
    {
        Properties = properties;
        Patterns = patterns;
        Additional = additional;
        ByName = properties.ToDictionary(property => property.Name, property => property.Value);
    }

    /// <summary>Names and values, in the order of the schema.</summary>
    public IReadOnlyList<(string Name, Formula Value)> Properties { get; }

    /// <summary>The same by name.</summary>
    public IReadOnlyDictionary<string, Formula> ByName { get; }

    /// <summary>Sets of names, as JSON text without the quotes, and the values of the properties so named.</summary>
    public IReadOnlyList<(RegexNode Names, Formula Value)> Patterns { get; }

    /// <summary>The values of all other properties.</summary>
    public Formula Additional { get; }
}
