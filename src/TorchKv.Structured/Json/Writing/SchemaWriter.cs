using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Contracts;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Keywords;
using TorchKv.Structured.Json.Values;

namespace TorchKv.Structured.Json.Writing;

/// <summary>Writes formulas as rules of a grammar. Each formula becomes one rule.</summary>
internal sealed class SchemaWriter
{
    private readonly Dictionary<Formula, GrammarNode> _nodes = [];
    private readonly Queue<Action> _bodies = new();
    private readonly SchemaMeaning _meaning;
    private readonly ArrayWriter _arrays;
    private readonly int _maxRules;
    private int _rules;

    public SchemaWriter(SchemaMeaning meaning, GrammarBuilder builder, JsonSchemaOptions options, WorkLimits limits)
    {
        _meaning = meaning;
        Builder = builder;
        Tokens = new JsonTokens(builder, options.Whitespace);
        PropertyOrder = options.PropertyOrder;
        _maxRules = limits.GrammarPositions;
        _arrays = new ArrayWriter(this, meaning);
    }

    /// <summary>Makes the parts of the grammar.</summary>
    public GrammarBuilder Builder { get; }

    /// <summary>The punctuation.</summary>
    public JsonTokens Tokens { get; }

    /// <summary>The order of properties.</summary>
    public JsonPropertyOrder PropertyOrder { get; }

    /// <summary>The grammar of a formula.</summary>
    public Grammar Write(Formula formula)
    {
        GrammarNode start = Node(formula);
        while (_bodies.TryDequeue(out Action? body))
        {
            body();
        }

        return new Grammar(Builder.Regexes, start);
    }

    /// <summary>The part of the grammar for a formula.</summary>
    public GrammarNode Node(Formula formula)
    {
        if (_nodes.TryGetValue(formula, out GrammarNode? known))
        {
            return known;
        }

        try
        {
            return Write(formula, _meaning.Of(formula));
        }
        catch (ConstraintException exception) when (exception.Pointer is null && formula.Schema is not null)
        {
            throw SchemaErrors.Located(exception, formula.Schema);
        }
    }

    private GrammarNode Write(Formula formula, ValueSet values)
    {
        GrammarNode simple = Simple(values);
        GrammarNode node = values.Arrays.Count + values.Objects.Count == 0
            ? simple
            : Rule(formula.Schema?.Pointer ?? "value", () => Builder.Choice(
            [
                simple,
                .. values.Arrays.Select(_arrays.Write),
                .. values.Objects.Where(shape => !_meaning.IsEmpty(shape))
                    .Select(shape => new ObjectWriter(this, _meaning, shape).Write()),
            ]));
        _nodes.Add(formula, node);
        return node;
    }

    /// <summary>A rule whose body is written later, so that it may need itself.</summary>
    public GrammarRule Rule(string name, Func<GrammarNode> body)
    {
        if (++_rules > _maxRules)
        {
            throw SchemaErrors.TooLarge(null, null, "its grammar has too many rules", _maxRules);
        }

        GrammarRule rule = Builder.Rule(name);
        _bodies.Enqueue(() => rule.Body = body());
        return rule;
    }

    /// <summary>The text of a string between its quotes, and the quotes.</summary>
    public RegexNode Quoted(RegexNode text)
    {
        RegexNode quote = Builder.Regexes.Literal("\"");
        return Builder.Regexes.Concat(quote, text, quote);
    }

    // All that is no array and no object is one terminal.
    private GrammarNode Simple(ValueSet values)
    {
        RegexFactory regexes = Builder.Regexes;
        var parts = new List<RegexNode>();
        if (values.Null)
        {
            parts.Add(regexes.Literal("null"));
        }

        if (values.True)
        {
            parts.Add(regexes.Literal("true"));
        }

        if (values.False)
        {
            parts.Add(regexes.Literal("false"));
        }

        parts.Add(_meaning.Numbers.Of(values.Numbers));
        parts.Add(Quoted(values.Strings.ToExpression(_meaning.Texts)));
        RegexNode all = regexes.Or([.. parts]);
        return all == regexes.Nothing ? Builder.Nothing : Builder.Terminal(all);
    }
}
