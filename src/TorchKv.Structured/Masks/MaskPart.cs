using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;
using TorchKv.Structured.Parsing;

namespace TorchKv.Structured.Masks;

/// <summary>The part of the masks that one group of tokens makes up, kept by row and lexer's state.</summary>
/// <remarks>
/// It has two parts again: the tokens with which the current terminal can go on, which the lexer's state alone says,
/// and those inside which the terminal ends, for which the row says what follows.
/// </remarks>
internal sealed class MaskPart
{
    private const long BytesOfEntry = 48;

    private readonly Recognizer _recognizer;
    private readonly TokenGroup _tokens;
    private readonly MaskStates _states;
    private readonly LexerMaskBuilder _builder;
    private readonly FollowWalker _walker;
    private readonly Dictionary<int, LexerMask> _byState = [];
    private readonly Dictionary<long, TokenSet> _follows = [];
    private readonly ulong[] _scratch;

    public MaskPart(FlatGrammar grammar, Recognizer recognizer, TokenGroup tokens, int words, MaskSteps steps)
    {
        (_recognizer, _tokens) = (recognizer, tokens);
        _states = new MaskStates(grammar, recognizer.Lexer, tokens.LongestToken);
        _scratch = new ulong[words];
        _builder = new LexerMaskBuilder(grammar, recognizer.Lexer, tokens, _states, steps, _scratch);
        _walker = new FollowWalker(recognizer, tokens.LongestToken, steps);
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

    /// <summary>Adds the tokens that can come next to a mask.</summary>
    public void AddTo(Span<ulong> mask, ParserThread thread)
    {
        var state = _states.SameMask(thread.LexerState);
        if (state == Lexer.Dead)
        {
            return;
        }

        var own = OfState(state);
        own.Tokens.AddTo(mask);
        if (own.Exits.Length > 0)
        {
            Follow(thread.Row, state, own).AddTo(mask);
        }
    }

    /// <summary>Whether a token begins with given bytes, goes on behind them, and can come next.</summary>
    /// <param name="prefix">The bytes.</param>
    /// <param name="after">The text's state after the bytes.</param>
    public bool CanGoOn(ReadOnlySpan<byte> prefix, ReadOnlySpan<ParserThread> after)
        => CanGoOn(_tokens.Plain, prefix, after) || CanGoOn(_tokens.Rest, prefix, after);

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
            Bytes += mask.Bytes + BytesOfEntry;
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
            Walk(_tokens.Plain, exits.PlainNodes, thread);
            Walk(_tokens.Rest, exits.RestNodes, thread);
        }

        tokens = new TokenSet(_scratch);
        _follows.Add(key, tokens);
        Bytes += tokens.Bytes + BytesOfEntry;
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
