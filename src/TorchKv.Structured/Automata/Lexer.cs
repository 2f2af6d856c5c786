using TorchKv.Runtime.Contracts;

namespace TorchKv.Structured.Automata;

/// <summary>
/// An automaton that follows several terminals at once, byte by byte. States are numbers; a state's transitions are
/// computed when they are first asked for.
/// </summary>
/// <remarks>One thread at a time.</remarks>
internal sealed class Lexer
{
    /// <summary>The state in which no terminal can match any more.</summary>
    public const int Dead = 0;

    /// <summary>In <see cref="Transitions"/>: the state's transitions are not yet computed.</summary>
    public const int Unknown = -1;

    private readonly RegexFactory _factory;
    private readonly RegexNode[] _terminals;
    private readonly int _limit;
    private readonly ByteClasses _classes;

    // A state: pairs of a terminal and the id of what must follow in it, by ascending terminal.
    private readonly SequenceTable _states = new();

    // Sets of terminals that end in a state; number 0 is the empty one.
    private readonly SequenceTable _accepts = new();
    private readonly List<int> _scratch = [];
    private readonly List<int> _elements = [];
    private readonly List<int> _accepted = [];
    private readonly int[] _lastOfClass;
    private (int Terminal, int Node, int Before)[] _entries = new (int, int, int)[64];
    private int[] _acceptOf = new int[16];
    private bool[] _continues = new bool[16];
    private int[] _forced = new int[16];

    public Lexer(RegexFactory factory, RegexNode[] terminals, ByteClasses classes, int limit)
    {
        (_factory, _terminals, _classes, _limit) = (factory, terminals, classes, limit);
        _lastOfClass = new int[classes.Count];
        Transitions = new int[16 * classes.Count];
        _accepts.Add([], out _);
        StateOf([]);
        Array.Fill(Transitions, Dead, 0, classes.Count);
    }

    /// <summary>Number of states so far.</summary>
    public int Count => _states.Count;

    /// <summary>Entries of a state in <see cref="Transitions"/>: one a class of bytes.</summary>
    public int Width => _classes.Count;

    /// <summary>The class of each byte value.</summary>
    public ReadOnlySpan<byte> ClassOf => _classes.ClassOf;

    /// <summary>
    /// At state × <see cref="Width"/> + class: the next state, or <see cref="Unknown"/> until <see cref="Expand"/>. The
    /// array is another one after new states were made.
    /// </summary>
    public int[] Transitions { get; private set; }

    /// <summary>
    /// For each state the set of terminals that may end there (0: none). Another array after new states were made.
    /// </summary>
    public int[] AcceptOf => _acceptOf;

    /// <summary>Bytes that the tables take.</summary>
    public long Bytes => _states.Bytes + _accepts.Bytes + (4L * Transitions.Length) + (9L * _acceptOf.Length);

    /// <summary>The state in which a set of terminals begins.</summary>
    /// <param name="terminals">The terminals' numbers, ascending.</param>
    public int Start(ReadOnlySpan<int> terminals)
    {
        _scratch.Clear();
        foreach (var terminal in terminals)
        {
            _scratch.Add(terminal);
            _scratch.Add(_terminals[terminal].Id);
        }

        return StateOf(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_scratch));
    }

    /// <summary>The terminals of a set of <see cref="AcceptOf"/>, ascending.</summary>
    public ReadOnlySpan<int> Accepted(int acceptSet) => _accepts[acceptSet];

    /// <summary>The terminals that are alive in a state, each followed by the id of what must follow in it.</summary>
    public ReadOnlySpan<int> Elements(int state) => _states[state];

    /// <summary>The state with given <see cref="Elements"/>.</summary>
    public int StateOf(ReadOnlySpan<int> elements)
    {
        var state = _states.Add(elements, out var isNew);
        if (isNew)
        {
            if (state >= _limit)
            {
                throw new ConstraintException(
                    $"The constraint is too complex: its terminals need more than {_limit} states.", keyword: "lexer states");
            }

            Describe(state);
        }

        return state;
    }

    /// <summary>The state after one byte.</summary>
    public int Next(int state, byte value)
    {
        var next = Transitions[(state * Width) + ClassOf[value]];
        if (next == Unknown)
        {
            Expand(state);
            next = Transitions[(state * Width) + ClassOf[value]];
        }

        return next;
    }

    /// <summary>Whether any byte can follow in a state.</summary>
    public bool Continues(int state)
    {
        Expand(state);
        return _continues[state];
    }

    /// <summary>The one byte that can follow in a state; −1: none can; −2: several can.</summary>
    public int ForcedByte(int state)
    {
        Expand(state);
        return _forced[state];
    }

    /// <summary>Computes a state's transitions.</summary>
    public void Expand(int state)
    {
        if (state == Dead || Transitions[state * Width] != Unknown)
        {
            return;
        }

        // For each class a chain of entries: terminal and rest, and the entry before it in the same class.
        Array.Fill(_lastOfClass, -1);
        var count = 0;
        _elements.Clear();
        _elements.AddRange(_states[state]);
        for (var i = 0; i < _elements.Count; i += 2)
        {
            foreach (var branch in _factory.Branches(_factory[_elements[i + 1]]))
            {
                if (branch.Rest.HasBoolean && _factory.MatchesNothing(branch.Rest))
                {
                    continue;
                }

                foreach (var c in _classes.Of(branch.Bytes))
                {
                    if (count == _entries.Length)
                    {
                        Array.Resize(ref _entries, count * 2);
                    }

                    _entries[count] = (_elements[i], branch.Rest.Id, _lastOfClass[c]);
                    _lastOfClass[c] = count++;
                }
            }
        }

        Array.Fill(Transitions, Dead, state * Width, Width);
        var (continues, forced) = (false, -1);
        var (sameAs, sameState) = ((Terminal: -1, Node: -1), Dead);
        for (var c = 0; c < _lastOfClass.Length && count > 0; c++)
        {
            var last = _lastOfClass[c];
            if (last < 0)
            {
                continue;
            }

            var single = _entries[last].Before < 0 ? (_entries[last].Terminal, _entries[last].Node) : (-1, -1);
            var next = single != (-1, -1) && single == sameAs ? sameState : StateOf(Chain(last));
            (sameAs, sameState) = (single, next);
            forced = continues || _classes.Sizes[c] > 1 ? -2 : _classes.Representatives[c];
            continues = true;
            Transitions[(state * Width) + c] = next;
        }

        _continues[state] = continues;
        _forced[state] = forced;
    }

    private ReadOnlySpan<int> Chain(int last)
    {
        _scratch.Clear();
        for (var entry = last; entry >= 0; entry = _entries[entry].Before)
        {
            _scratch.Add(_entries[entry].Node);
            _scratch.Add(_entries[entry].Terminal);
        }

        _scratch.Reverse();
        return System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_scratch);
    }

    private void Describe(int state)
    {
        if (state >= _acceptOf.Length)
        {
            Array.Resize(ref _acceptOf, state * 2);
            Array.Resize(ref _continues, state * 2);
            Array.Resize(ref _forced, state * 2);
            var transitions = Transitions;
            Array.Resize(ref transitions, state * 2 * Width);
            Transitions = transitions;
        }

        Array.Fill(Transitions, Unknown, state * Width, Width);
        var elements = _states[state];
        _accepted.Clear();
        for (var i = 0; i < elements.Length; i += 2)
        {
            if (_factory[elements[i + 1]].IsNullable)
            {
                _accepted.Add(elements[i]);
            }
        }

        _acceptOf[state] = _accepted.Count == 0
            ? 0
            : _accepts.Add(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_accepted), out _);
    }
}
