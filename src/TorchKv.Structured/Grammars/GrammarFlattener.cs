using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;

namespace TorchKv.Structured.Grammars;

/// <summary>Turns the parts of a grammar into tables. What can match nothing is left out.</summary>
internal sealed class GrammarFlattener
{
    private readonly RegexFactory _regexes;
    private readonly WorkLimits _limits;
    private readonly Dictionary<GrammarNode, int> _symbols = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<RegexNode, int> _terminalNumbers = [];
    private readonly List<RegexNode> _terminals = [];

    // For each nonterminal its productions; a loop has one, with one symbol.
    private readonly List<List<int[]>> _productions = [];
    private readonly List<(int Min, int Max)> _loops = [];

    // Those of members in any order have two productions for each member, of one symbol: where it comes first, and
    // behind another one. Members that can match nothing keep their productions and lose the symbols.
    private readonly Dictionary<int, AnyOrderNode> _anyOrders = [];
    private readonly Queue<(int Nonterminal, GrammarNode Body)> _pending = [];
    private int _size;

    private GrammarFlattener(RegexFactory regexes, WorkLimits limits) => (_regexes, _limits) = (regexes, limits);

    /// <summary>The tables of a grammar.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="budget">Time and limits.</param>
    /// <exception cref="ConstraintException">No text matches, or a limit is exceeded.</exception>
    public static FlatGrammar Flatten(Grammar grammar, WorkBudget budget)
        => new GrammarFlattener(grammar.Regexes, budget.Limits).Run(grammar.Start, budget);

    private FlatGrammar Run(GrammarNode start, WorkBudget budget)
    {
        var startNonterminal = NewNonterminal(start);
        while (_pending.TryDequeue(out var next))
        {
            budget.Check();
            Define(next.Nonterminal, next.Body);
        }

        RemoveUnproductive(startNonterminal, budget);
        var nullable = FindNullable();
        var follows = FindFollowers();
        return LayOut(startNonterminal, nullable, follows, budget);
    }

    private int NewNonterminal(GrammarNode body)
    {
        _productions.Add([]);
        _loops.Add((0, 0));
        _pending.Enqueue((_productions.Count - 1, body));
        return _productions.Count - 1;
    }

    private int SymbolOf(GrammarNode node)
    {
        if (_symbols.TryGetValue(node, out var symbol))
        {
            return symbol;
        }

        if (node is TerminalNode terminal && !_regexes.MatchesNothing(terminal.Regex))
        {
            if (!_terminalNumbers.TryGetValue(terminal.Regex, out symbol))
            {
                symbol = _terminals.Count;
                _terminals.Add(terminal.Regex);
                _terminalNumbers.Add(terminal.Regex, symbol);
            }
        }
        else
        {
            symbol = ~NewNonterminal(node);
        }

        _symbols.Add(node, symbol);
        return symbol;
    }

    private void Define(int nonterminal, GrammarNode body)
    {
        var hops = 0;
        while (body is GrammarRule rule && nonterminal >= 0)
        {
            body = rule.Body
                ?? throw new ConstraintException(
                    $"The rule \"{rule.Name}\" is used but not defined.", keyword: rule.Name);
            if (body is GrammarRule && ++hops > _limits.Depth)
            {
                // Rules that only name each other in a circle match nothing; a long chain is followed one by one.
                _productions[nonterminal].Add([SymbolOf(body)]);
                return;
            }
        }

        switch (body)
        {
            case ChoiceNode choice:
                foreach (var alternative in choice.Alternatives)
                {
                    AddProduction(nonterminal, alternative is SequenceNode sequence ? sequence.Parts : [alternative]);
                }

                break;
            case SequenceNode sequence:
                AddProduction(nonterminal, sequence.Parts);
                break;
            case RepeatNode repeat:
                _loops[nonterminal] = (repeat.Min, repeat.Max);
                AddProduction(nonterminal, [repeat.Part]);
                break;
            case AnyOrderNode anyOrder:
                _anyOrders.Add(nonterminal, anyOrder);
                foreach (var member in anyOrder.Members)
                {
                    AddProduction(nonterminal, [member.First]);
                    AddProduction(nonterminal, [member.Later]);
                }

                break;
            case TerminalNode terminal when _regexes.MatchesNothing(terminal.Regex):
                break;
            default:
                AddProduction(nonterminal, [body]);
                break;
        }
    }

    private void AddProduction(int nonterminal, GrammarNode[] parts)
    {
        _size += parts.Length + 1;
        if (_size > _limits.GrammarPositions)
        {
            throw new ConstraintException(
                $"The grammar is too large: it has more than {_limits.GrammarPositions} parts.",
                keyword: "grammar size");
        }

        _productions[nonterminal].Add(Array.ConvertAll(parts, SymbolOf));
    }

    private void RemoveUnproductive(int start, WorkBudget budget)
    {
        var productive = Fixpoint(
            (nonterminal, known) => (IsLoop(nonterminal) && _loops[nonterminal].Min == 0)
                || (_productions[nonterminal].Exists(
                    production => Array.TrueForAll(production, s => s >= 0 || known[~s]))
                    && HasRequired(nonterminal, known)),
            budget);
        if (!productive[start])
        {
            throw new ConstraintException("No text can match the constraint.", keyword: "empty language");
        }

        for (var nonterminal = 0; nonterminal < _productions.Count; nonterminal++)
        {
            var productions = _productions[nonterminal];
            if (_anyOrders.ContainsKey(nonterminal))
            {
                for (var p = 0; p < productions.Count; p++)
                {
                    productions[p] = Array.FindAll(productions[p], s => s >= 0 || productive[~s]);
                }

                continue;
            }

            productions.RemoveAll(production => !Array.TrueForAll(production, s => s >= 0 || productive[~s]));
            if (IsLoop(nonterminal) && _productions[nonterminal].Count == 0)
            {
                // A loop over nothing is the empty text, or nothing itself.
                _loops[nonterminal] = (0, 0);
                if (productive[nonterminal])
                {
                    _productions[nonterminal].Add([]);
                }
            }
        }
    }

    private bool HasRequired(int nonterminal, bool[] known)
    {
        if (!_anyOrders.TryGetValue(nonterminal, out var anyOrder))
        {
            return true;
        }

        for (var i = 0; i < anyOrder.Members.Length; i++)
        {
            if (anyOrder.Members[i].IsRequired
                && !Array.TrueForAll(_productions[nonterminal][2 * i], s => s >= 0 || known[~s]))
            {
                return false;
            }
        }

        return true;
    }

    private bool[] FindNullable()
    {
        var nullable = Fixpoint(
            (nonterminal, known) => (IsLoop(nonterminal) && _loops[nonterminal].Min == 0)
                || (!_anyOrders.ContainsKey(nonterminal) && _productions[nonterminal].Exists(
                    production => Array.TrueForAll(production, s => s >= 0 ? _terminals[s].IsNullable : known[~s]))),
            null);
        for (var nonterminal = 0; nonterminal < nullable.Length; nonterminal++)
        {
            // Empty repetitions fill up what is missing to the least number.
            if (IsLoop(nonterminal) && nullable[nonterminal])
            {
                _loops[nonterminal] = (0, _loops[nonterminal].Max);
            }
        }

        return nullable;
    }

    // Which terminals something can come after: those that are not the last symbol of a production, and the last
    // symbols of nonterminals that something can come after.
    private bool[] FindFollowers()
    {
        var terminals = new bool[_terminals.Count];
        var nonterminals = new bool[_productions.Count];
        var pending = new Stack<int>();
        for (var owner = 0; owner < _productions.Count; owner++)
        {
            foreach (var production in _productions[owner])
            {
                Mark(_loops[owner].Max > 1 || _anyOrders.ContainsKey(owner)
                    ? production
                    : production.AsSpan(0, Math.Max(production.Length - 1, 0)));
            }
        }

        while (pending.TryPop(out var nonterminal))
        {
            foreach (var production in _productions[nonterminal])
            {
                Mark(production.AsSpan(Math.Max(production.Length - 1, 0)));
            }
        }

        return terminals;

        void Mark(ReadOnlySpan<int> symbols)
        {
            foreach (var symbol in symbols)
            {
                if (symbol >= 0)
                {
                    terminals[symbol] = true;
                }
                else if (!nonterminals[~symbol])
                {
                    nonterminals[~symbol] = true;
                    pending.Push(~symbol);
                }
            }
        }
    }

    private bool IsLoop(int nonterminal) => _loops[nonterminal].Max > 0;

    private bool[] Fixpoint(Func<int, bool[], bool> holds, WorkBudget? budget)
    {
        // A nonterminal is looked at again when one that it uses has become known.
        var users = new List<int>?[_productions.Count];
        var pending = new Stack<int>();
        for (var owner = _productions.Count - 1; owner >= 0; owner--)
        {
            pending.Push(owner);
            foreach (var production in _productions[owner])
            {
                foreach (var symbol in production)
                {
                    if (symbol < 0)
                    {
                        (users[~symbol] ??= []).Add(owner);
                    }
                }
            }
        }

        var known = new bool[_productions.Count];
        while (pending.TryPop(out var nonterminal))
        {
            if (known[nonterminal] || !holds(nonterminal, known))
            {
                continue;
            }

            budget?.Check();
            known[nonterminal] = true;
            foreach (var user in users[nonterminal] ?? [])
            {
                pending.Push(user);
            }
        }

        return known;
    }

    private FlatGrammar LayOut(int start, bool[] nullable, bool[] followed, WorkBudget budget)
    {
        var symbols = new List<int>(_size);
        var owners = new List<int>(_size);
        var (min, max) = (new List<int>(_size), new List<int>(_size));
        var first = new int[_productions.Count][];
        var anyOrders = new Dictionary<int, AnyOrder>();
        var members = new Dictionary<int, int>();
        for (var nonterminal = 0; nonterminal < first.Length; nonterminal++)
        {
            if (_anyOrders.TryGetValue(nonterminal, out var anyOrder))
            {
                first[nonterminal] = LayOutAnyOrder(nonterminal, anyOrder);
                continue;
            }

            var loop = IsLoop(nonterminal);
            first[nonterminal] = new int[_productions[nonterminal].Count];
            for (var p = 0; p < first[nonterminal].Length; p++)
            {
                first[nonterminal][p] = symbols.Count;
                foreach (var symbol in _productions[nonterminal][p])
                {
                    Add(nonterminal, symbol, loop ? _loops[nonterminal] : (0, 0));
                }

                if (!loop)
                {
                    Add(nonterminal, FlatGrammar.End, (0, 0));
                }
            }
        }

        budget.Check();
        RegexNode[] terminals = [.. _terminals];
        return new FlatGrammar
        {
            Regexes = _regexes,
            Terminals = terminals,
            TerminalHasFollower = followed,
            Classes = new ByteClasses(terminals),
            Productions = first,
            IsNullable = nullable,
            Symbols = [.. symbols],
            Owners = [.. owners],
            LoopMin = [.. min],
            LoopMax = [.. max],
            AnyOrders = anyOrders,
            MemberOf = members,
            Start = start,
        };

        int[] LayOutAnyOrder(int nonterminal, AnyOrderNode node)
        {
            var firstPositions = new List<int>();
            var later = new int[node.Members.Length];
            Array.Fill(later, -1);
            for (var i = 0; i < 2 * later.Length; i++)
            {
                if (_productions[nonterminal][i] is [var symbol])
                {
                    members.Add(symbols.Count, i / 2);
                    if (i % 2 == 0)
                    {
                        firstPositions.Add(symbols.Count);
                    }
                    else
                    {
                        later[i / 2] = symbols.Count;
                    }

                    Add(nonterminal, symbol, (0, 0));
                }
            }

            anyOrders.Add(nonterminal, new AnyOrder(
                symbols.Count,
                later,
                Array.ConvertAll(node.Members, member => member.IsRequired),
                Array.ConvertAll(node.Members, member => member.MayRepeat)));
            Add(nonterminal, FlatGrammar.End, (0, 0));
            return [.. firstPositions];
        }

        void Add(int owner, int symbol, (int Min, int Max) loop)
        {
            owners.Add(owner);
            symbols.Add(symbol);
            min.Add(loop.Min);
            max.Add(loop.Max);
        }
    }
}
