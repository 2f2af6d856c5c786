using TorchKv.Structured.Json.Documents;

namespace TorchKv.Structured.Json.Values;

/// <summary>
/// Schemas joined by and, or, not. A formula says what is wanted without working it out, so that a schema may refer to
/// itself. Equal formulas of one <see cref="FormulaFactory"/> are the same object.
/// </summary>
internal sealed class Formula
{
    internal Formula(int id, FormulaKind kind, Formula[]? parts = null, SchemaNode? schema = null, ValueSet? values = null)
    {
        Id = id;
        Kind = kind;
        Parts = parts ?? [];
        Schema = schema;
        Values = values;
    }

    /// <summary>Number in the factory.</summary>
    public int Id { get; }

    /// <summary>What the formula is.</summary>
    public FormulaKind Kind { get; }

    /// <summary>What is joined or negated.</summary>
    public Formula[] Parts { get; }

    /// <summary>The schema of <see cref="FormulaKind.Schema"/>.</summary>
    public SchemaNode? Schema { get; }

    /// <summary>The values of <see cref="FormulaKind.Values"/>.</summary>
    public ValueSet? Values { get; }
}
