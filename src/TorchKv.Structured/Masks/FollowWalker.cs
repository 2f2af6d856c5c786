using TorchKv.Structured.Automata;
using TorchKv.Structured.Parsing;

namespace TorchKv.Structured.Masks;

/// <summary>Walks a part of a trie from a row on, with lexer and parser.</summary>
internal sealed class FollowWalker
{
    // Steps of several threads are slow, so they are counted while they are taken.
    private const int StepsBetweenChecks = 1000;

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
        var (labels, depths, ends) = (trie.Labels, trie.Depths, trie.Ends);
        var topDepth = depths[top];
        Reserve(start.Length);
        start.CopyTo(_threads);
        _ends[topDepth] = start.Length;
        var (node, end, steps) = (top + 1, ends[top], 0);
        while (node < end)
        {
            if (++steps == StepsBetweenChecks)
            {
                _steps.Add(steps);
                steps = 0;
            }

            var depth = depths[node];
            var first = depth - 1 == topDepth ? 0 : _ends[depth - 2];
            var last = _ends[depth - 1];
            Recognizer.CheckThreads(last - first);
            Reserve(last + last - first + 1);
            var count = 0;
            var next = last - first == 1 ? lexer.Next(_threads[first].LexerState, labels[node]) : Lexer.Dead;
            if (next != Lexer.Dead && lexer.AcceptOf[next] == 0)
            {
                _threads[last] = new ParserThread(_threads[first].Row, next);
                count = 1;
            }
            else if (next != Lexer.Dead || last - first > 1)
            {
                count = _recognizer.Step(_threads.AsSpan(first, last - first), labels[node], _threads.AsSpan(last), out _);
            }

            if (count == 0)
            {
                node = ends[node];
                continue;
            }

            BitMask.SetAll(mask, trie.TokensBetween(node, node + 1));
            _ends[depth] = last + count;
            node++;
        }

        _steps.Add(steps);
    }

    private void Reserve(int length)
    {
        if (length > _threads.Length)
        {
            Array.Resize(ref _threads, Math.Max(length, _threads.Length * 2));
        }
    }
}
