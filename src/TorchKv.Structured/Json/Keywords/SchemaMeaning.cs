using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Contracts;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Numbers;
using TorchKv.Structured.Json.Texts;
using TorchKv.Structured.Json.Values;

namespace TorchKv.Structured.Json.Keywords;

/// <summary>
/// Works out which values a formula allows. Items of arrays and properties of objects stay formulas, so that this ends
/// for schemas that refer to themselves.
/// </summary>
internal sealed class SchemaMeaning
{
    // How deep the search goes for a property that makes an object impossible.
    private const int DeepestSearch = 5;

    private readonly Dictionary<Formula, ValueSet> _known = [];
    private readonly Dictionary<Formula, int> _pending = [];
    private readonly Dictionary<Formula, bool> _empty = [];
    private readonly SchemaReader _reader;
    private readonly WorkBudget _budget;
    private readonly int _maxDepth;
    private int _level;
    private int _depth;

    public SchemaMeaning(SchemaDocument document, JsonText texts, JsonSchemaOptions options, WorkBudget budget)
    {
        _budget = budget;
        _maxDepth = options.MaxDepth;
        Texts = texts;
        Numbers = new NumberText(texts.Regexes);
        Sets = new ValueSets(Formulas, texts, options);
        _reader = new SchemaReader(document, this, options);
    }

    /// <summary>Makes formulas.</summary>
    public FormulaFactory Formulas { get; } = new();

    /// <summary>Joins sets of values.</summary>
    public ValueSets Sets { get; }

    /// <summary>How numbers are written.</summary>
    public NumberText Numbers { get; }

    /// <summary>How strings are written.</summary>
    public JsonText Texts { get; }

    /// <summary>The values that a formula allows.</summary>
    /// <exception cref="ConstraintException">It is wrong, is not supported, or exceeds a limit.</exception>
    public ValueSet Of(Formula formula)
    {
        if (_known.TryGetValue(formula, out ValueSet? known))
        {
            return known;
        }

        if (_pending.TryGetValue(formula, out int level))
        {
            throw level < _level
                ? new PendingFormulaException()
                : SchemaErrors.Wrong(
                    formula.Schema?.Pointer ?? "", "$ref", "a schema that does not come back to itself for the same value");
        }

        _budget.Check();
        if (++_depth > _maxDepth)
        {
            _depth = 0;
            throw SchemaErrors.TooLarge(formula.Schema?.Pointer, null, "its references are nested too deeply", _maxDepth);
        }

        _pending.Add(formula, _level);
        try
        {
            ValueSet found = formula.Kind switch
            {
                FormulaKind.All => Sets.All,
                FormulaKind.None => Sets.None,
                FormulaKind.Schema => _reader.Read(formula.Schema!),
                FormulaKind.Values => formula.Values!,
                FormulaKind.And => formula.Parts.Select(Of).Aggregate(Sets.Intersect),
                FormulaKind.Or => formula.Parts.Select(Of).Aggregate(Sets.Union),
                _ => Sets.Complement(Of(formula.Parts[0])),
            };
            _known.Add(formula, found);
            return found;
        }
        catch (ConstraintException exception) when (exception.Pointer is null && formula.Schema is not null)
        {
            throw SchemaErrors.Located(exception, formula.Schema);
        }
        finally
        {
            _pending.Remove(formula);
            _depth--;
        }
    }

    /// <summary>Whether a formula provably allows no value. False may also mean that it was not found out.</summary>
    public bool IsEmpty(Formula formula) => formula.Kind switch
    {
        FormulaKind.None => true,
        FormulaKind.All => false,
        _ => _empty.TryGetValue(formula, out bool known) ? known : FindWhetherEmpty(formula),
    };

    /// <summary>Whether an object shape provably has no object.</summary>
    public bool IsEmpty(ObjectShape shape) => shape.Required.Any(name =>
        shape.ValueOf(name, Formulas, Texts) is var value
        && (value == Formulas.None || (value.Kind is FormulaKind.And or FormulaKind.Not && IsEmpty(value))));

    private bool FindWhetherEmpty(Formula formula)
    {
        if (_level >= DeepestSearch || (_pending.TryGetValue(formula, out int level) && level < _level))
        {
            return false;
        }

        _level++;
        try
        {
            ValueSet values = Of(formula);
            bool empty = !values.Null && !values.True && !values.False
                && values.Strings.Kind == TextSetKind.None
                && Numbers.Of(values.Numbers) == Texts.Regexes.Nothing
                && values.Arrays.All(shape => shape.Prefix.Take(shape.Min).Any(IsEmpty))
                && values.Objects.All(IsEmpty);
            _empty[formula] = empty;
            return empty;
        }
        catch (PendingFormulaException)
        {
            return false;
        }
        finally
        {
            _level--;
        }
    }
}
