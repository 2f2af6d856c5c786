using System.Text.Json;
using TorchKv.Structured.Json.Documents;

namespace TorchKv.Structured.Json.Values;

/// <summary>Makes formulas and simplifies them. Equal formulas are the same object.</summary>
internal sealed class FormulaFactory
{
    private readonly Dictionary<(FormulaKind Kind, string Parts), Formula> _joined = [];
    private readonly Dictionary<SchemaNode, Formula> _schemas = [];
    private int _count;

    public FormulaFactory()
    {
        All = new Formula(_count++, FormulaKind.All);
        None = new Formula(_count++, FormulaKind.None);
    }

    /// <summary>Every value.</summary>
    public Formula All { get; }

    /// <summary>No value.</summary>
    public Formula None { get; }

    /// <summary>What a schema allows.</summary>
    public Formula Of(SchemaNode schema)
    {
        if (schema.Element.ValueKind == JsonValueKind.True)
        {
            return All;
        }

        if (schema.Element.ValueKind == JsonValueKind.False)
        {
            return None;
        }

        if (!_schemas.TryGetValue(schema, out Formula? formula))
        {
            formula = new Formula(_count++, FormulaKind.Schema, schema: schema);
            _schemas.Add(schema, formula);
        }

        return formula;
    }

    /// <summary>A known set of values.</summary>
    public Formula Of(ValueSet values) => new(_count++, FormulaKind.Values, values: values);

    /// <summary>What all parts allow.</summary>
    public Formula And(params IEnumerable<Formula> parts) => Join(FormulaKind.And, parts, All, None);

    /// <summary>What one of the parts allows.</summary>
    public Formula Or(params IEnumerable<Formula> parts) => Join(FormulaKind.Or, parts, None, All);

    /// <summary>What a formula does not allow.</summary>
    public Formula Not(Formula part) => part.Kind switch
    {
        FormulaKind.All => None,
        FormulaKind.None => All,
        FormulaKind.Not => part.Parts[0],
        _ => Known(FormulaKind.Not, [part]),
    };

    private Formula Join(FormulaKind kind, IEnumerable<Formula> parts, Formula neutral, Formula absorbing)
    {
        // The order of the parts is kept: it decides the order of an object's properties.
        var kept = new List<Formula>();
        foreach (Formula part in parts.SelectMany(part => part.Kind == kind ? part.Parts : [part]))
        {
            if (part == absorbing)
            {
                return absorbing;
            }

            if (part != neutral && !kept.Contains(part))
            {
                kept.Add(part);
            }
        }

        return kept.Any(part => part.Kind == FormulaKind.Not && kept.Contains(part.Parts[0])) ? absorbing
            : kept.Count == 0 ? neutral
            : kept.Count == 1 ? kept[0]
            : Known(kind, [.. kept]);
    }

    private Formula Known(FormulaKind kind, Formula[] parts)
    {
        string key = string.Join(',', parts.Select(part => part.Id));
        if (!_joined.TryGetValue((kind, key), out Formula? formula))
        {
            formula = new Formula(_count++, kind, parts);
            _joined.Add((kind, key), formula);
        }

        return formula;
    }
}
