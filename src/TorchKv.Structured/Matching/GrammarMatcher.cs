using System.Numerics;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Parsing;

namespace TorchKv.Structured.Matching;

/// <summary>How far one sequence has come in a grammar.</summary>
internal sealed class GrammarMatcher : ITokenMatcher
{
    private readonly CompiledGrammar _grammar;
    private readonly List<int> _tokens;
    private GrammarTables _tables;
    private TextState _text;
    private ulong[]? _mask;

    public GrammarMatcher(CompiledGrammar grammar)
    {
        lock (grammar.Gate)
        {
            (_grammar, _tokens, _tables) = (grammar, [], grammar.Tables);
            _text = new TextState(_tables.Recognizer);
        }
    }

    private GrammarMatcher(GrammarMatcher other)
        => (_grammar, _tokens, _tables, _text) = (other._grammar, [.. other._tokens], other._tables, other._text.Copy());

    /// <summary>Number of token ids.</summary>
    public int VocabularyCount => _grammar.Tries.Count;

    /// <summary>The text's state.</summary>
    public ReadOnlySpan<ParserThread> Threads => _text.Threads;

    /// <inheritdoc/>
    public bool CanEnd => _text.MayEnd;

    /// <inheritdoc/>
    public void WriteMask(Span<ulong> allowed)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(allowed.Length, _grammar.Tries.Words);
        lock (_grammar.Gate)
        {
            try
            {
                Renew();
                _tables.Masks.Write(_text.Threads, allowed);
            }
            catch (ConstraintException)
            {
                _grammar.Replace();
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public bool TryAppend(int tokenId)
    {
        if (!IsText(tokenId))
        {
            return false;
        }

        lock (_grammar.Gate)
        {
            try
            {
                Renew();
                if (!_text.TryAppend(_tables.Recognizer, _grammar.Vocabulary.TokenBytes(tokenId)))
                {
                    return false;
                }

                _tokens.Add(tokenId);
                return true;
            }
            catch (ConstraintException)
            {
                _grammar.Replace();
                throw;
            }
        }
    }

    /// <inheritdoc/>
    public void RemoveLast(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens, _tokens.Count);
        _text.RemoveLast(tokens);
        _tokens.RemoveRange(_tokens.Count - tokens, tokens);
    }

    /// <inheritdoc/>
    public int WriteForcedTokens(Span<int> tokenIds)
    {
        if (_text.MayEnd || tokenIds.IsEmpty)
        {
            return 0;
        }

        lock (_grammar.Gate)
        {
            try
            {
                Renew();
                return WriteForced(tokenIds);
            }
            catch (ConstraintException)
            {
                // What is too complex to be found out is not forced; the next mask says what is wrong.
                _grammar.Replace();
                return 0;
            }
        }
    }

    /// <inheritdoc/>
    public ITokenMatcher Fork() => new GrammarMatcher(this);

    private int WriteForced(Span<int> tokenIds)
    {
        var threads = _text.Threads;
        int[]? forced = null;
        if (threads.Length == 1 && !_tables.Forced.TryGetValue(threads[0], out forced))
        {
            forced = ForcedTokens.Find(_grammar, _tables, threads);
            _tables.Forced.Add(threads[0], forced);
        }

        forced ??= ForcedTokens.Find(_grammar, _tables, threads);
        if (forced.Length == 0)
        {
            return WriteOnlyToken(tokenIds);
        }

        var count = Math.Min(forced.Length, tokenIds.Length);
        forced.AsSpan(0, count).CopyTo(tokenIds);
        return count;
    }

    private int WriteOnlyToken(Span<int> tokenIds)
    {
        _mask ??= new ulong[_grammar.Tries.Words];
        _tables.Masks.Write(_text.Threads, _mask);
        var word = _mask.AsSpan().IndexOfAnyExcept(0UL);
        if (word < 0 || !BitOperations.IsPow2(_mask[word]) || _mask.AsSpan(word + 1).ContainsAnyExcept(0UL))
        {
            return 0;
        }

        tokenIds[0] = (word << 6) + BitOperations.TrailingZeroCount(_mask[word]);
        return 1;
    }

    private bool IsText(int tokenId)
        => (uint)tokenId < (uint)_grammar.Tries.Count && !_grammar.Vocabulary.IsSpecial(tokenId)
            && !_grammar.Vocabulary.TokenBytes(tokenId).IsEmpty;

    // Where the tables were replaced, the text is read again with the new ones.
    private void Renew()
    {
        _grammar.Trim();
        if (_tables == _grammar.Tables)
        {
            return;
        }

        var text = new TextState(_grammar.Tables.Recognizer);
        foreach (var token in _tokens)
        {
            if (!text.TryAppend(_grammar.Tables.Recognizer, _grammar.Vocabulary.TokenBytes(token)))
            {
                throw new InvalidOperationException("A text that was accepted before is refused.");
            }
        }

        (_tables, _text) = (_grammar.Tables, text);
    }
}
