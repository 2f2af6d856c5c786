using TorchKv.Structured.Automata;
using TorchKv.Structured.Parsing;

namespace TorchKv.Structured.Masks;

/// <summary>Walks a part of a trie from a row on, with lexer and parser.</summary>
internal sealed class FollowWalker
{
    private readonly Recognizer _recognizer;
    private readonly MaskSteps _steps;

    // For each depth the end of its threads in _threads; a depth's begin where those of the depth above end.
    private readonly int[] _ends;
    private ParserThread[] _threads = new ParserThread[256];

    public FollowWalker(Recognizer recognizer, int longestToken, MaskSteps steps)
    {
        (_recognizer, _steps) = (recognizer, steps);
        _ends = new int[longestToken + 1];
    }

    /// <summary>Adds to a mask the tokens below a node whose bytes behind the node can follow.</summary>
    /// <param name="trie">The trie.</param>
    /// <param name="top">The node; its own tokens are not added.</param>
    /// <param name="start">The state at the node.</param>
    /// <param name="mask">The mask.</param>
    public void Walk(TokenTrie trie, int top, ReadOnlySpan<ParserThread> start, Span<ulong> mask)
    {
        var lexer = _recognizer.Lexer;
        var topDepth = trie.Depths[top];
        Reserve(start.Length);
        start.CopyTo(_threads);
        _ends[topDepth] = start.Length;
        var (node, end) = (top + 1, trie.Ends[top]);
        while (node < end)
        {
            _steps.Count();
            var depth = trie.Depths[node];
            var first = depth - 1 == topDepth ? 0 : _ends[depth - 2];
            var last = _ends[depth - 1];
            var value = trie.Labels[node];
            int count;
            if (last - first == 1 && lexer.Next(_threads[first].LexerState, value) is var next && (next == Lexer.Dead || lexer.AcceptOf[next] == 0))
            {
                count = next == Lexer.Dead ? 0 : 1;
                Reserve(last + 1);
                _threads[last] = new ParserThread(_threads[first].Row, next);
            }
            else
            {
                Recognizer.CheckThreads(last - first);
                Reserve(last + last - first + 1);
                count = _recognizer.Step(_threads.AsSpan(first, last - first), value, _threads.AsSpan(last), out _);
            }

            if (count == 0)
            {
                node = trie.Ends[node];
                continue;
            }

            BitMask.SetAll(mask, trie.Tokens.AsSpan(trie.FirstToken[node], trie.FirstToken[node + 1] - trie.FirstToken[node]));
            _ends[depth] = last + count;
            node++;
        }
    }

    private void Reserve(int length)
    {
        if (length > _threads.Length)
        {
            Array.Resize(ref _threads, Math.Max(length, _threads.Length * 2));
        }
    }
}
