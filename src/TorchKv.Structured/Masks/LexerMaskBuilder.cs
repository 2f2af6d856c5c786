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
        WalkRest(state);
        return new LexerMask(
            new TokenSet(_mask),
            [.. _exits.Select(pair => new LexerExits(pair.Key, [.. pair.Value.Plain], [.. pair.Value.Other]))]);
    }

    private void WalkPlain(int state)
    {
        var trie = _tokens.Plain;
        var free = _states.Room(state);
        if (free > 0)
        {
            BitMask.Or(_mask, _tokens.PlainUpTo(free));
            if (free >= trie.LongestBelow[0])
            {
                return;
            }
        }

        _path[0] = state;
        var node = 1;
        while (node < trie.Count)
        {
            _steps.Count();
            if (trie.LongestBelow[node] <= free)
            {
                node = trie.Ends[node]; // All of its tokens are in the mask.
                continue;
            }

            var depth = trie.Depths[node];
            var next = _lexer.Next(_path[depth - 1], trie.Labels[node]);
            if (next == Lexer.Dead)
            {
                node = trie.Ends[node];
                continue;
            }

            var end = trie.Ends[node];
            var room = end > node + 1 ? _states.Room(next) : 0;
            if (room > 0 && trie.LongestBelow[node] - trie.Characters[node] <= room)
            {
                // All tokens of the subtree can follow: what a terminal that ends inside could add is among them.
                BitMask.SetAll(_mask, trie.Tokens.AsSpan(trie.FirstToken[node], trie.FirstToken[end] - trie.FirstToken[node]));
                node = end;
                continue;
            }

            Take(trie, node, next, isPlain: true);
            _path[depth] = next;
            node++;
        }
    }

    private void WalkRest(int state)
    {
        var trie = _tokens.Rest;
        _path[0] = state;
        var node = 1;
        while (node < trie.Count)
        {
            _steps.Count();
            var depth = trie.Depths[node];
            var next = _lexer.Next(_path[depth - 1], trie.Labels[node]);
            if (next == Lexer.Dead)
            {
                node = trie.Ends[node];
                continue;
            }

            Take(trie, node, next, isPlain: false);
            _path[depth] = next;
            node++;
        }
    }

    private void Take(TokenTrie trie, int node, int state, bool isPlain)
    {
        var first = trie.FirstToken[node];
        BitMask.SetAll(_mask, trie.Tokens.AsSpan(first, trie.FirstToken[node + 1] - first));
        var accept = _lexer.AcceptOf[state];
        if (accept == 0 || trie.Ends[node] == node + 1 || !GoesOn(accept))
        {
            return;
        }

        if (!_exits.TryGetValue(accept, out var nodes))
        {
            nodes = ([], []);
            _exits.Add(accept, nodes);
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
