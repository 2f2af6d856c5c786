using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Parsing;

namespace TorchKv.Structured.Masks;

/// <summary>The masks of a constraint, kept by row and lexer's state.</summary>
/// <remarks>
/// A mask is made of two parts: which tokens the current terminal can go on with, which the lexer's state alone says, and
/// which tokens begin with the terminal's end, which the row says.
/// </remarks>
internal sealed class MaskTable
{
    private readonly Recognizer _recognizer;
    private readonly VocabularyTries _tries;
    private readonly MaskStates _states;
    private readonly MaskSteps _steps;
    private readonly LexerMaskBuilder _builder;
    private readonly FollowWalker _walker;
    private readonly Dictionary<int, LexerMask> _byState = [];
    private readonly Dictionary<long, TokenSet> _follows = [];
    private readonly ulong[] _scratch;

    public MaskTable(FlatGrammar grammar, Recognizer recognizer, VocabularyTries tries, WorkLimits limits)
    {
        (_recognizer, _tries) = (recognizer, tries);
        _states = new MaskStates(grammar, recognizer.Lexer, tries.LongestToken);
        _steps = new MaskSteps(limits.MaskSteps);
        _builder = new LexerMaskBuilder(grammar, recognizer.Lexer, tries, _states, _steps);
        _walker = new FollowWalker(recognizer, tries.LongestToken, _steps);
        _scratch = new ulong[tries.Words];
    }

    /// <summary>Bytes that the masks take.</summary>
    public long Bytes { get; private set; }

    /// <summary>Forgets all masks.</summary>
    public void Clear()
    {
        _byState.Clear();
        _follows.Clear();
        Bytes = 0;
    }

    /// <summary>Writes the tokens that may come next.</summary>
    /// <param name="threads">The text's state.</param>
    /// <param name="mask">The mask; every word is written.</param>
    public void Write(ReadOnlySpan<ParserThread> threads, Span<ulong> mask)
    {
        _steps.Restart();
        mask.Clear();
        foreach (var thread in threads)
        {
            var state = _states.SameMask(thread.LexerState);
            if (state == Lexer.Dead)
            {
                continue;
            }

            var own = OfState(state);
            own.Tokens.AddTo(mask);
            if (own.Exits.Length > 0)
            {
                Follow(thread.Row, state, own).AddTo(mask);
            }
        }
    }

    /// <summary>Whether a token begins with given bytes, goes on behind them, and can come next.</summary>
    /// <param name="prefix">The bytes.</param>
    /// <param name="after">The text's state after the bytes.</param>
    public bool CanGoOn(ReadOnlySpan<byte> prefix, ReadOnlySpan<ParserThread> after)
    {
        _steps.Restart();
        return CanGoOn(_tries.Plain, prefix, after) || CanGoOn(_tries.Rest, prefix, after);
    }

    private bool CanGoOn(TokenTrie trie, ReadOnlySpan<byte> prefix, ReadOnlySpan<ParserThread> after)
    {
        var node = 0;
        foreach (var value in prefix)
        {
            node = trie.Child(node, value);
            if (node < 0)
            {
                return false;
            }
        }

        Array.Clear(_scratch);
        _walker.Walk(trie, node, after, _scratch);
        return _scratch.AsSpan().ContainsAnyExcept(0UL);
    }

    private LexerMask OfState(int state)
    {
        if (!_byState.TryGetValue(state, out var mask))
        {
            mask = _builder.Build(state);
            _byState.Add(state, mask);
            Bytes += mask.Bytes + 48;
        }

        return mask;
    }

    private TokenSet Follow(int row, int state, LexerMask own)
    {
        var key = ((long)row << 32) | (uint)state;
        if (_follows.TryGetValue(key, out var tokens))
        {
            return tokens;
        }

        Array.Clear(_scratch);
        foreach (var exits in own.Exits)
        {
            var next = _recognizer.Rows.After(row, exits.AcceptSet);
            var start = _recognizer.Rows.LexerStart(next);
            if (start == Lexer.Dead)
            {
                continue;
            }

            var thread = new ParserThread(next, start);
            Walk(_tries.Plain, exits.PlainNodes, thread);
            Walk(_tries.Rest, exits.RestNodes, thread);
        }

        tokens = new TokenSet(_scratch);
        _follows.Add(key, tokens);
        Bytes += tokens.Bytes + 48;
        return tokens;
    }

    private void Walk(TokenTrie trie, int[] nodes, ParserThread thread)
    {
        foreach (var node in nodes)
        {
            _walker.Walk(trie, node, [thread], _scratch);
        }
    }
}
