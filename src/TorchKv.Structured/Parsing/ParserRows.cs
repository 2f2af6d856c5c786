using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;

namespace TorchKv.Structured.Parsing;

/// <summary>
/// Earley's parser whose rows are shared: a row is the set of items that are possible at a point between two terminals.
/// Equal rows are one row, whichever texts lead to them, so that what is known about a row serves wherever it comes up
/// again. Rows never change.
/// </summary>
/// <remarks>
/// Items that are complete are not kept: what follows from them is in the row. A row that begins a rule is named by the
/// rule's items as their origin. One thread at a time.
/// </remarks>
internal sealed class ParserRows
{
    // The key of the first row, which begins all of its items itself, is like no other row's.
    private const int FirstRowKey = 2;

    private readonly FlatGrammar _grammar;
    private readonly Lexer _lexer;
    private readonly WorkLimits _limits;

    // The key of a row: 1 where the text may end, else 0; then its items in order, without those that it begins itself.
    private readonly SequenceTable _keys = new();
    private readonly MemberSets _members;
    private readonly Dictionary<long, int> _after = [];
    private readonly Dictionary<long, int> _unions = [];

    // Items of all rows: in each row first those before a terminal, by terminal, then those before a nonterminal, by
    // nonterminal.
    private readonly List<ParserItem> _items = [];
    private readonly List<ParserRow> _rows = [];

    private readonly HashSet<ParserItem> _seen = [];
    private readonly Stack<ParserItem> _pending = new();
    private readonly List<ParserItem> _found = [];
    private readonly List<int> _key = [];
    private readonly int[] _predictedIn;
    private bool _mayEnd;

    public ParserRows(FlatGrammar grammar, Lexer lexer, WorkLimits limits)
    {
        (_grammar, _lexer, _limits, _members) = (grammar, lexer, limits, new MemberSets(limits));
        _predictedIn = new int[grammar.Productions.Length];
        Array.Fill(_predictedIn, -1);
        _mayEnd = grammar.IsNullable[grammar.Start];
        First = RowOfFound();
    }

    /// <summary>The row at the beginning of a text.</summary>
    public int First { get; }

    /// <summary>Number of rows.</summary>
    public int Count => _rows.Count;

    /// <summary>Bytes that the tables take.</summary>
    public long Bytes
        => _keys.Bytes + _members.Bytes + (12L * _items.Capacity) + (24L * _rows.Capacity)
            + (24L * (_after.Count + _unions.Count));

    /// <summary>
    /// The lexer's state at the beginning of a row; <see cref="Lexer.Dead"/> where nothing may follow.
    /// </summary>
    public int LexerStart(int row) => _rows[row].LexerStart;

    /// <summary>Whether the text may end in a row.</summary>
    public bool MayEnd(int row) => _rows[row].MayEnd;

    /// <summary>The row after one of several terminals.</summary>
    /// <param name="row">The row in which the terminals began.</param>
    /// <param name="acceptSet">The terminals that end here: the lexer's number of their set.</param>
    public int After(int row, int acceptSet)
    {
        var key = ((long)row << 32) | (uint)acceptSet;
        if (!_after.TryGetValue(key, out var next))
        {
            next = ComputeAfter(row, acceptSet);
            _after.Add(key, next);
        }

        return next;
    }

    /// <summary>The row that allows what any of two rows allows.</summary>
    public int Union(int a, int b)
    {
        if (a == b)
        {
            return a;
        }

        var key = ((long)Math.Min(a, b) << 32) | (uint)Math.Max(a, b);
        if (!_unions.TryGetValue(key, out var union))
        {
            _found.Clear();
            _seen.Clear();
            AddKept(a);
            AddKept(b);
            _mayEnd = _rows[a].MayEnd || _rows[b].MayEnd;
            union = RowOfFound();
            _unions.Add(key, union);
        }

        return union;
    }

    private void AddKept(int row)
    {
        var key = _keys[row];
        for (var i = 1; i < key.Length; i += 3)
        {
            var item = new ParserItem(key[i], key[i + 1], key[i + 2]);
            if (_seen.Add(item))
            {
                _found.Add(item);
            }
        }
    }

    private int ComputeAfter(int row, int acceptSet)
    {
        _found.Clear();
        _seen.Clear();
        _mayEnd = false;
        foreach (var terminal in _lexer.Accepted(acceptSet))
        {
            AdvanceOver(terminal, row);
        }

        while (_pending.TryPop(out var item))
        {
            Close(item);
        }

        return RowOfFound();
    }

    // Moves the items of a row that wait for a symbol behind it.
    private void AdvanceOver(int symbol, int row)
    {
        var (first, last) = Waiting(row, symbol);
        for (var i = first; i < last; i++)
        {
            Push(Behind(_items[i]));
        }
    }

    private ParserItem Behind(ParserItem item)
    {
        var max = _grammar.LoopMax[item.Position];
        if (max == 0)
        {
            return _grammar.MemberOf.Count > 0 && _grammar.MemberOf.TryGetValue(item.Position, out var member)
                ? BehindMember(item, member)
                : item with { Position = item.Position + 1, Count = 0 };
        }

        // Without an upper bound, all counts from the least number on are the same.
        var count = item.Count + 1;
        return item with { Count = max == int.MaxValue ? Math.Min(count, _grammar.LoopMin[item.Position]) : count };
    }

    private ParserItem BehindMember(ParserItem item, int member)
    {
        var anyOrder = _grammar.AnyOrders[_grammar.Owners[item.Position]];
        return item with
        {
            Position = anyOrder.Hub,
            Count = anyOrder.MayRepeat[member] ? item.Count : _members.With(item.Count, member),
        };
    }

    // Keeps an item for each member that may come now; ends the rule where all that are required are there.
    private void CloseHub(ParserItem hub, int nonterminal, AnyOrder anyOrder)
    {
        var isComplete = true;
        for (var member = 0; member < anyOrder.Later.Length; member++)
        {
            var isThere = _members.Has(hub.Count, member);
            isComplete &= isThere || !anyOrder.IsRequired[member];
            if (anyOrder.Later[member] >= 0 && (!isThere || anyOrder.MayRepeat[member]))
            {
                var item = hub with { Position = anyOrder.Later[member] };
                if (_seen.Add(item))
                {
                    _found.Add(item);
                }
            }
        }

        if (isComplete)
        {
            Complete(nonterminal, hub.Origin);
        }
    }

    private void Push(ParserItem item)
    {
        if (_seen.Add(item))
        {
            _pending.Push(item);
        }
    }

    // Keeps an item, or does what follows where its rule is complete.
    private void Close(ParserItem item)
    {
        if (_seen.Count > _limits.ParserItems)
        {
            throw TooComplex("items", _limits.ParserItems);
        }

        var symbol = _grammar.Symbols[item.Position];
        var owner = _grammar.Owners[item.Position];
        if (symbol == FlatGrammar.End && _grammar.AnyOrders.TryGetValue(owner, out var anyOrder))
        {
            CloseHub(item, owner, anyOrder);
            return;
        }

        var max = _grammar.LoopMax[item.Position];
        if (symbol == FlatGrammar.End || (max > 0 && item.Count >= _grammar.LoopMin[item.Position]))
        {
            Complete(owner, item.Origin);
        }

        if (symbol == FlatGrammar.End || (max > 0 && item.Count >= max))
        {
            return;
        }

        _found.Add(item);
        if (max == 0 && _grammar.SymbolIsNullable(symbol))
        {
            Push(Behind(item));
        }
    }

    private void Complete(int nonterminal, int origin)
    {
        if (nonterminal == _grammar.Start && origin == First)
        {
            _mayEnd = true;
        }

        AdvanceOver(~nonterminal, origin);
    }

    // The row with the items in _found; made where there is none yet.
    private int RowOfFound()
    {
        _found.Sort(static (a, b) => a.Position != b.Position ? a.Position.CompareTo(b.Position)
            : a.Count != b.Count ? a.Count.CompareTo(b.Count) : a.Origin.CompareTo(b.Origin));
        _key.Clear();
        _key.Add(_rows.Count == 0 ? FirstRowKey : _mayEnd ? 1 : 0);
        foreach (var item in _found)
        {
            _key.Add(item.Position);
            _key.Add(item.Count);
            _key.Add(item.Origin);
        }

        var row = _keys.Add(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_key), out var isNew);
        if (isNew)
        {
            if (row >= _limits.ParserRows)
            {
                throw TooComplex("rows", _limits.ParserRows);
            }

            Fill(row);
        }

        return row;
    }

    // Adds the rules that may begin in a row, and finds its terminals.
    private void Fill(int row)
    {
        var kept = _found.Count;
        _pending.Clear();
        _seen.Clear();
        if (row == 0)
        {
            Predict(~_grammar.Start, row);
        }

        for (var i = 0; i < kept; i++)
        {
            Predict(_grammar.Symbols[_found[i].Position], row);
        }

        while (_pending.TryPop(out var item))
        {
            var symbol = _grammar.Symbols[item.Position];
            if (symbol == FlatGrammar.End)
            {
                continue; // Nothing of the text belongs to it: whoever waits for it has moved on.
            }

            _found.Add(item);
            Predict(symbol, row);
            if (_grammar.LoopMax[item.Position] == 0 && _grammar.SymbolIsNullable(symbol))
            {
                Push(Behind(item));
            }
        }

        if (_items.Count + _found.Count > _limits.ParserItems)
        {
            throw TooComplex("items", _limits.ParserItems);
        }

        _found.Sort((a, b) => OrderOf(_grammar.Symbols[a.Position]).CompareTo(OrderOf(_grammar.Symbols[b.Position])));
        _key.Clear();
        foreach (var item in _found)
        {
            var symbol = _grammar.Symbols[item.Position];
            if (symbol >= 0 && (_key.Count == 0 || _key[^1] != symbol))
            {
                _key.Add(symbol);
            }
        }

        var lexerStart = _lexer.Start(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_key));
        _rows.Add(new ParserRow(_items.Count, _items.Count + _found.Count, lexerStart, _mayEnd));
        _items.AddRange(_found);
    }

    private void Predict(int symbol, int row)
    {
        if (symbol >= 0 || _predictedIn[~symbol] == row)
        {
            return;
        }

        _predictedIn[~symbol] = row;
        foreach (var position in _grammar.Productions[~symbol])
        {
            Push(new ParserItem(position, 0, row));
        }
    }

    // Terminals by number, then nonterminals by number.
    private static long OrderOf(int symbol) => symbol >= 0 ? symbol : (1L << 40) + ~symbol;

    private (int First, int Last) Waiting(int row, int symbol)
    {
        var (low, high) = (_rows[row].FirstItem, _rows[row].EndItem);
        var order = OrderOf(symbol);
        var first = Bound(order);
        high = _rows[row].EndItem;
        return (first, Bound(order + 1));

        int Bound(long from)
        {
            while (low < high)
            {
                var middle = (low + high) >>> 1;
                if (OrderOf(_grammar.Symbols[_items[middle].Position]) < from)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle;
                }
            }

            return low;
        }
    }

    private static ConstraintException TooComplex(string what, int limit)
        => new($"The grammar is too complex: its parser needs more than {limit} {what}.", keyword: "parser " + what);
}
