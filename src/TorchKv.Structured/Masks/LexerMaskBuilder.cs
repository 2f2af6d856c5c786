using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;

namespace TorchKv.Structured.Masks;

/// <summary>Walks the tries with the lexer alone.</summary>
internal sealed class LexerMaskBuilder
{
    private readonly FlatGrammar _grammar;
    private readonly Lexer _lexer;
    private readonly TokenGroup _tokens;
    private readonly MaskStates _states;
    private readonly MaskSteps _steps;
    private readonly int[] _path;
    private readonly ulong[] _mask;
    private readonly SortedDictionary<int, (List<int> Plain, List<int> Other)> _exits = [];

    // For each set of terminals whether anything can come after one of them; null: not yet known.
    private readonly List<bool?> _goesOn = [];

    /// <param name="grammar">The grammar.</param>
    /// <param name="lexer">Its lexer.</param>
    /// <param name="tokens">The tokens.</param>
    /// <param name="states">What is known about the lexer's states.</param>
    /// <param name="steps">Counts the steps.</param>
    /// <param name="scratch">A mask to work in.</param>
    public LexerMaskBuilder(
        FlatGrammar grammar, Lexer lexer, TokenGroup tokens, MaskStates states, MaskSteps steps, ulong[] scratch)
    {
        (_grammar, _lexer, _tokens, _states, _steps, _mask) = (grammar, lexer, tokens, states, steps, scratch);
        _path = new int[tokens.LongestToken + 1];
    }

    /// <summary>The mask of a state.</summary>
    public LexerMask Build(int state)
    {
        Array.Clear(_mask);
        _exits.Clear();
        WalkPlain(state);
        Walk(_tokens.Rest, state, 0, isPlain: false);
        return new LexerMask(
            new TokenSet(_mask),
            [.. _exits.Select(pair => new LexerExits(pair.Key, [.. pair.Value.Plain], [.. pair.Value.Other]))]);
    }

    private void WalkPlain(int state)
    {
        var free = _states.Room(state);
        if (free > 0)
        {
            BitMask.Or(_mask, _tokens.PlainUpTo(free));
        }

        if (free == 0 || free < _tokens.Plain.LongestBelow[0])
        {
            Walk(_tokens.Plain, state, free, isPlain: true);
        }
    }

    // Plain tokens of so many characters as are free are in the mask already.
    private void Walk(TokenTrie trie, int state, int free, bool isPlain)
    {
        var (nodes, path, mask) = (trie.Nodes, _path, _mask);
        var (transitions, acceptOf, width) = (_lexer.Transitions, _lexer.AcceptOf, _lexer.Width);
        var classOf = _lexer.ClassOf;
        var (node, steps) = (1, 0);

        // For each depth where the row of its state's transitions begins.
        path[0] = state * width;
        while (node < nodes.Length)
        {
            steps++;
            ref readonly var at = ref nodes[node];
            if (at.LongestBelow <= free && isPlain)
            {
                node = at.End;
                continue;
            }

            var next = transitions[path[at.Depth - 1] + classOf[at.Label]];
            if (next <= Lexer.Dead)
            {
                if (next == Lexer.Unknown)
                {
                    _lexer.Expand(path[at.Depth - 1] / width);
                    (transitions, acceptOf) = (_lexer.Transitions, _lexer.AcceptOf);
                    continue;
                }

                node = at.End;
                continue;
            }

            // Branches that go now this way, now that way would take most of the time, so there is none for a token.
            mask[at.Token >> 6] |= (ulong)(at.Tokens & 1) << at.Token;
            path[at.Depth] = next * width;
            if (at.Tokens > 1)
            {
                BitMask.SetAll(mask, trie.TokensBetween(node, node + 1));
            }

            if (isPlain && _states.Room(next) is var room and > 0 && at.LongestBelow - at.Characters <= room)
            {
                // All tokens of the subtree can follow: what a terminal that ends inside could add is among them.
                BitMask.SetAll(mask, trie.TokensBetween(node, at.End));
                node = at.End;
                continue;
            }

            if (acceptOf[next] != 0 && at.End > node + 1 && GoesOn(acceptOf[next]))
            {
                AddExit(acceptOf[next], node, isPlain);
            }

            node++;
        }

        _steps.Add(steps);
    }

    private void AddExit(int acceptSet, int node, bool isPlain)
    {
        if (!_exits.TryGetValue(acceptSet, out var nodes))
        {
            nodes = ([], []);
            _exits.Add(acceptSet, nodes);
        }

        (isPlain ? nodes.Plain : nodes.Other).Add(node);
    }

    private bool GoesOn(int acceptSet)
    {
        while (_goesOn.Count <= acceptSet)
        {
            _goesOn.Add(null);
        }

        if (_goesOn[acceptSet] is not { } known)
        {
            known = false;
            foreach (var terminal in _lexer.Accepted(acceptSet))
            {
                known |= _grammar.TerminalHasFollower[terminal];
            }

            _goesOn[acceptSet] = known;
        }

        return known;
    }
}
