using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;

namespace TorchKv.Structured.Masks;

/// <summary>What the masks need to know about a lexer's states; found out once a state.</summary>
/// <param name="grammar">The grammar.</param>
/// <param name="lexer">Its lexer.</param>
/// <param name="longestToken">Bytes of the longest token of the group whose masks they are.</param>
internal sealed class MaskStates(FlatGrammar grammar, Lexer lexer, int longestToken)
{
    private const int Unknown = -1;

    private readonly RegexNode _plain = grammar.Regexes.CodePoints(TokenGroup.PlainCharacters);
    private readonly Dictionary<RegexNode, bool> _holdsPlain = [];
    private readonly List<int> _elements = [];
    private int[] _room = [];
    private int[] _same = [];

    /// <summary>
    /// How many plain characters can follow in a state, whichever they are: a terminal goes on after every text of so
    /// many characters or fewer.
    /// </summary>
    public int Room(int state)
    {
        var known = _room;
        return (uint)state < (uint)known.Length && known[state] != Unknown ? known[state] : FindRoom(state);
    }

    private int FindRoom(int state)
    {
        if (state >= _room.Length)
        {
            Grow(ref _room);
        }

        var room = 0;
        var elements = lexer.Elements(state);
        for (var i = 1; i < elements.Length; i += 2)
        {
            room = Math.Max(room, RoomOf(grammar.Regexes[elements[i]]));
        }

        return _room[state] = room;
    }

    /// <summary>
    /// A state with the same mask. Counts of repetitions that no token is long enough to reach are the same for it.
    /// </summary>
    public int SameMask(int state)
    {
        if (state >= _same.Length)
        {
            Grow(ref _same);
        }

        if (_same[state] == Unknown)
        {
            _elements.Clear();
            _elements.AddRange(lexer.Elements(state));
            for (var i = 1; i < _elements.Count; i += 2)
            {
                _elements[i] = WithoutFarCounts(grammar.Regexes[_elements[i]]).Id;
            }

            _same[state] = lexer.StateOf(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_elements));
        }

        return _same[state];
    }

    private static void Grow(ref int[] array, int length)
    {
        var old = array.Length;
        Array.Resize(ref array, length);
        Array.Fill(array, Unknown, old, length - old);
    }

    private void Grow(ref int[] array) => Grow(ref array, Math.Max(lexer.Count * 2, 64));

    private int RoomOf(RegexNode node)
    {
        if (node.Kind == RegexKind.Or)
        {
            return node.Children.Max(RoomOf);
        }

        var (head, tail) = node.Kind == RegexKind.Concat
            ? (node.Children[0], node.Children[1])
            : (node, grammar.Regexes.Empty);
        return head.Kind == RegexKind.Repeat && HoldsPlain(head.Children[0]) && !grammar.Regexes.MatchesNothing(tail)
            ? head.Max
            : 0;
    }

    // Whether an expression matches each plain character.
    private bool HoldsPlain(RegexNode node)
    {
        if (!_holdsPlain.TryGetValue(node, out var holds))
        {
            holds = grammar.Regexes.Derivative(node, (byte)'a').IsNullable
                && grammar.Regexes.Derivative(node, (byte)'~').IsNullable
                && grammar.Regexes.Derivative(node, (byte)' ').IsNullable
                && grammar.Regexes.Contains(node, _plain);
            _holdsPlain.Add(node, holds);
        }

        return holds;
    }

    private RegexNode WithoutFarCounts(RegexNode node)
    {
        switch (node.Kind)
        {
            case RegexKind.Or:
                return grammar.Regexes.Or(Array.ConvertAll(node.Children, WithoutFarCounts));
            case RegexKind.Concat when node.Children[0].Kind == RegexKind.Repeat:
                return grammar.Regexes.Concat([WithoutFarCounts(node.Children[0]), node.Children[1]]);
            case RegexKind.Repeat when node.Min > longestToken + 1
                || (node.Max > longestToken && node.Max != RegexNode.Unbounded):
                return grammar.Regexes.Repeat(
                    node.Children[0],
                    Math.Min(node.Min, longestToken + 1),
                    node.Max > longestToken ? RegexNode.Unbounded : node.Max);
            default:
                return node;
        }
    }
}
