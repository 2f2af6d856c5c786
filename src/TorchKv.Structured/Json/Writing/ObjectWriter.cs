using TorchKv.Structured.Automata;
using TorchKv.Structured.Contracts;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Keywords;
using TorchKv.Structured.Json.Texts;
using TorchKv.Structured.Json.Values;

namespace TorchKv.Structured.Json.Writing;

/// <summary>
/// Writes the objects of one shape as a part of a grammar: the declared properties in their order, then the others in
/// any order; or all in any order.
/// </summary>
internal sealed class ObjectWriter
{
    private const int MaxCells = 64;
    private const int MaxCount = 256;
    private const int MaxPresent = 8;

    private readonly SchemaWriter _writer;
    private readonly SchemaMeaning _meaning;
    private readonly ObjectShape _shape;
    private readonly List<(RegexNode Names, Formula Value)> _others;
    private readonly Dictionary<ObjectState, GrammarNode> _ends = [];
    private readonly int _all;
    private readonly int _min;
    private readonly int _max;
    private readonly int _countLimit;

    public ObjectWriter(SchemaWriter writer, SchemaMeaning meaning, ObjectShape shape)
    {
        _writer = writer;
        _meaning = meaning;
        _shape = shape;
        if (shape.Present.Count > MaxPresent)
        {
            throw SchemaErrors.TooLarge(null, null,
                "too many properties must be there under one of many names", MaxPresent);
        }

        _all = (1 << shape.Present.Count) - 1;
        _others = Others();
        _min = shape.Min <= shape.Required.Count ? 0 : shape.Min;
        _max = _others.Count == 0 && shape.Max >= shape.Declared.Count ? int.MaxValue : shape.Max;

        // The state counts up to this number; beyond the declared properties repetitions count.
        int useful = _max < int.MaxValue ? _max : Math.Max(_min, 1);
        _countLimit = Math.Min(useful, _shape.Present.Count == 0 ? shape.Declared.Count + 1 : int.MaxValue);
        if (_countLimit > MaxCount && (_min > 1 || _max < int.MaxValue))
        {
            throw SchemaErrors.TooLarge(
                null, _max < int.MaxValue ? "maxProperties" : "minProperties", "properties are counted", MaxCount);
        }
    }

    private GrammarBuilder Builder => _writer.Builder;

    private JsonTokens Tokens => _writer.Tokens;

    private JsonText Texts => _meaning.Texts;

    private FormulaFactory Formulas => _meaning.Formulas;

    /// <summary>The part of the grammar.</summary>
    public GrammarNode Write()
    {
        IReadOnlyList<string> names = _shape.Declared;
        Formula[] values = [.. names.Select(name => _shape.ValueOf(name, Formulas, Texts))];
        bool[] possible = [.. values.Select(value => value != Formulas.None && !_meaning.IsEmpty(value))];
        bool[] required = [.. names.Select(name => _shape.Required.Contains(name, StringComparer.Ordinal))];
        if (_writer.PropertyOrder == JsonPropertyOrder.Any && _shape.Present.Count == 0 && _min <= 1
            && _max == int.MaxValue)
        {
            return InAnyOrder(names, values, possible, required);
        }

        // The states that can be reached before each declared property, then the parts from the last to the first.
        var reached = new List<HashSet<ObjectState>> { new() { default } };
        for (int i = 0; i < names.Count; i++)
        {
            var next = new HashSet<ObjectState>();
            foreach (ObjectState state in reached[i])
            {
                if (!required[i])
                {
                    next.Add(state);
                }

                next.UnionWith(Steps(state, names[i], values[i], possible[i]).Select(step => step.State));
            }

            reached.Add(next);
        }

        Dictionary<ObjectState, GrammarNode> after = reached[^1].ToDictionary(state => state, End);
        for (int i = names.Count - 1; i >= 0; i--)
        {
            GrammarNode key = Builder.Terminal(_writer.Quoted(Texts.Literal(names[i])));
            var here = new Dictionary<ObjectState, GrammarNode>();
            foreach (ObjectState state in reached[i])
            {
                var alternatives = new List<GrammarNode>();
                foreach ((ObjectState next, Formula value) in Steps(state, names[i], values[i], possible[i]))
                {
                    alternatives.Add(Builder.Sequence(
                        Before(state), key, Tokens.Colon, _writer.Node(value), after[next]));
                }

                if (!required[i])
                {
                    alternatives.Add(after[state]);
                }

                GrammarNode node = Builder.Choice([.. alternatives]);
                bool isShared = alternatives.Count > 1 && i > 0;
                here.Add(state, isShared ? _writer.Rule(names[i], () => node) : node);
            }

            after = here;
        }

        return after[default];
    }

    private GrammarNode InAnyOrder(
        IReadOnlyList<string> names, Formula[] values, bool[] possible, bool[] required)
    {
        var members = new List<AnyOrderMember>();
        for (int i = 0; i < names.Count; i++)
        {
            if (possible[i])
            {
                GrammarNode member = Property(Texts.Literal(names[i]), values[i]);
                members.Add(new AnyOrderMember(
                    member, Builder.Sequence(Tokens.Comma, member), required[i], MayRepeat: false));
            }
            else if (required[i])
            {
                return Builder.Nothing;
            }
        }

        foreach ((RegexNode other, Formula value) in _others)
        {
            GrammarNode member = Property(other, value);
            members.Add(new AnyOrderMember(
                member, Builder.Sequence(Tokens.Comma, member), IsRequired: false, MayRepeat: true));
        }

        GrammarNode empty = _min > 0 || required.Contains(true) ? Builder.Nothing : Tokens.EmptyObject;
        return members.Count == 0
            ? empty
            : Builder.Choice(
                empty,
                Builder.Sequence(Tokens.OpenObject, new AnyOrderNode([.. members]), Tokens.CloseObject));
    }

    // The ways to write a property: each presence rule that it can meet is met by it or not.
    private IEnumerable<(ObjectState State, Formula Value)> Steps(
        ObjectState state, string name, Formula value, bool possible)
    {
        if (!possible || state.Count == _max)
        {
            return [];
        }

        var steps = new List<(ObjectState State, Formula Value)>
        {
            (state with { Count = Math.Min(state.Count + 1, _countLimit) }, value),
        };
        for (int rule = 0; rule < _shape.Present.Count; rule++)
        {
            PresenceRule present = _shape.Present[rule];
            if ((state.Present >> rule & 1) == 0 && Texts.Matches(present.Names, name))
            {
                int bit = 1 << rule;
                steps.AddRange(steps
                    .Select(step => (
                        step.State with { Present = step.State.Present | bit },
                        Formulas.And(step.Value, present.Value)))
                    .Where(step => step.Item2 != Formulas.None)
                    .ToArray());
            }
        }

        return steps;
    }

    private GrammarNode Before(ObjectState state) => state.Count == 0 ? Tokens.OpenObject : Tokens.Comma;

    // The properties that are not declared, and the end.
    private GrammarNode End(ObjectState state)
    {
        if (_shape.Present.Count > 0)
        {
            return OpenEnd(state);
        }

        GrammarNode close = state.Count == 0 ? Tokens.EmptyObject : Tokens.CloseObject;
        int min = Math.Max(0, _min - state.Count);
        int max = _max == int.MaxValue ? int.MaxValue : _max - state.Count;
        GrammarNode other = Builder.Choice([.. _others.Select(cell => Property(cell.Names, cell.Value))]);
        if (_others.Count == 0 || max == 0)
        {
            return min > 0 ? Builder.Nothing : close;
        }

        GrammarNode next = Builder.Sequence(Tokens.Comma, other);
        return state.Count > 0
            ? Builder.Sequence(Builder.Repeat(next, min, max), close)
            : Builder.Choice(
                min == 0 ? close : Builder.Nothing,
                Builder.Sequence(
                    Tokens.OpenObject,
                    other,
                    Builder.Repeat(next, Math.Max(0, min - 1), max == int.MaxValue ? max : max - 1),
                    Tokens.CloseObject));
    }

    // With presence rules: a rule of the grammar for each state.
    private GrammarNode OpenEnd(ObjectState state)
    {
        if (_ends.TryGetValue(state, out GrammarNode? known))
        {
            return known;
        }

        GrammarRule rule = _writer.Rule("properties", () =>
        {
            var alternatives = new List<GrammarNode>();
            if (state.Count >= _min && state.Present == _all)
            {
                alternatives.Add(state.Count == 0 ? Tokens.EmptyObject : Tokens.CloseObject);
            }

            foreach ((RegexNode names, Formula value) in state.Count == _max ? [] : _others)
            {
                AddOthers(alternatives, state, state.Present, names, value, 0);
            }

            return Builder.Choice([.. alternatives]);
        });
        _ends.Add(state, rule);
        return rule;
    }

    private void AddOthers(
        List<GrammarNode> alternatives, ObjectState state, int present, RegexNode names, Formula value, int rule)
    {
        if (value == Formulas.None || Texts.Regexes.MatchesNothing(names))
        {
            return;
        }

        if (rule == _shape.Present.Count)
        {
            var next = new ObjectState(Math.Min(state.Count + 1, _countLimit), present);
            alternatives.Add(Builder.Sequence(Before(state), Property(names, value), OpenEnd(next)));
            return;
        }

        AddOthers(alternatives, state, present, names, value, rule + 1);
        if ((present >> rule & 1) == 0)
        {
            PresenceRule met = _shape.Present[rule];
            AddOthers(
                alternatives, state, present | (1 << rule), Texts.Regexes.And(names, met.Names),
                Formulas.And(value, met.Value), rule + 1);
        }
    }

    private GrammarNode Property(RegexNode names, Formula value) => Builder.Sequence(
        Builder.Terminal(_writer.Quoted(names)), Tokens.Colon, _writer.Node(value));

    // The names that are not declared, split by the patterns that match them.
    private List<(RegexNode Names, Formula Value)> Others()
    {
        RegexFactory regexes = Texts.Regexes;
        RegexNode names = Texts.Any;
        if (_shape.Declared.Count > 0)
        {
            names = Texts.Not(regexes.Or([.. _shape.Declared.Select(Texts.Literal)]));
        }

        if (_shape.Names is not null)
        {
            names = regexes.And(names, _shape.Names);
        }

        var cells = new List<(RegexNode Names, HashSet<RegexNode> Patterns)> { (names, []) };
        foreach (RegexNode pattern in _shape.Groups.SelectMany(g => g.Patterns.Select(p => p.Names)).Distinct())
        {
            var split = new List<(RegexNode, HashSet<RegexNode>)>();
            foreach ((RegexNode cell, HashSet<RegexNode> patterns) in cells)
            {
                split.Add((regexes.And(cell, pattern), [.. patterns, pattern]));
                split.Add((regexes.And(cell, regexes.Not(pattern)), patterns));
            }

            cells = [.. split.Where(cell => !regexes.MatchesNothing(cell.Item1))];
            if (cells.Count > MaxCells)
            {
                throw SchemaErrors.TooLarge(null, "patternProperties",
                    "its patterns overlap in too many ways", MaxCells);
            }
        }

        return
        [
            .. cells
                .Where(cell => !regexes.MatchesNothing(cell.Names))
                .Select(cell => (cell.Names, ValueOf(cell.Patterns)))
                .Where(cell => cell.Item2 != Formulas.None && !_meaning.IsEmpty(cell.Item2)),
        ];
    }

    private Formula ValueOf(HashSet<RegexNode> patterns)
    {
        var parts = new List<Formula>();
        foreach (PropertyGroup group in _shape.Groups)
        {
            Formula[] matching = [.. group.Patterns.Where(p => patterns.Contains(p.Names)).Select(p => p.Value)];
            parts.AddRange(matching.Length > 0 ? matching : [group.Additional]);
        }

        return Formulas.And(parts);
    }
}
