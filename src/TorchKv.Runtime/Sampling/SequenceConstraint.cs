using System.Globalization;
using System.Numerics;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Sampling;

/// <summary>
/// One sequence's <see cref="ITokenMatcher"/> with the mask of its next token. The ids that end the text are allowed
/// exactly where the matcher says that the text may end.
/// </summary>
/// <remarks>
/// Drafts are tried on the matcher and taken back before a token is chosen. What the matcher throws for a draft only
/// costs the draft. Not thread-safe. Allocates nothing after the first drafts.
/// </remarks>
internal sealed class SequenceConstraint
{
    private readonly ITokenMatcher _matcher;
    private readonly int _matcherTokens;
    private readonly int _vocabSize;
    private readonly int[] _endIds;
    private readonly ulong[]? _allowedIds;
    private readonly ulong[] _mask;
    private ulong[]? _draftMask;
    private Next _next;
    private int _count;
    private int _drafted;
    private Exception? _failure;

    /// <param name="matcher">The matcher; it has seen no token yet.</param>
    /// <param name="matcherTokens">Ids in the vocabulary that the matcher was prepared for.</param>
    /// <param name="vocabSize">Logits in a row.</param>
    /// <param name="endIds">The ids that end the text.</param>
    /// <param name="allowedIds">The only ids that may be generated, as a <see cref="TokenMask"/>; null: all.</param>
    /// <param name="before">
    /// Tokens that were generated before, none of which ends the text; the matcher takes them.
    /// </param>
    /// <exception cref="ConstraintException">The constraint does not allow one of these tokens.</exception>
    public SequenceConstraint(
        ITokenMatcher matcher,
        int matcherTokens,
        int vocabSize,
        int[] endIds,
        ulong[]? allowedIds = null,
        ReadOnlySpan<int> before = default)
    {
        _matcher = matcher;
        _matcherTokens = matcherTokens;
        _vocabSize = vocabSize;
        _endIds = endIds;
        _allowedIds = allowedIds;
        _mask = new ulong[TokenMask.Words(Math.Max(vocabSize, matcherTokens))];
        Take(before);
        _next = WriteMask(_mask);
    }

    private SequenceConstraint(SequenceConstraint parent)
    {
        _matcher = parent._matcher.Fork();
        _matcherTokens = parent._matcherTokens;
        _vocabSize = parent._vocabSize;
        _endIds = parent._endIds;
        _allowedIds = parent._allowedIds;
        _mask = [.. parent._mask];
        _next = parent._next;
        _count = parent._count;
        _failure = parent._failure;
    }

    /// <summary>Whether the text is complete and no token may follow.</summary>
    public bool IsComplete => _next.Continuations == 0 && _next.CanEnd;

    /// <summary>The one id that is allowed next; null where there are several, or none.</summary>
    public int? Only => _next.Only;

    /// <summary>A constraint that has seen the same tokens and goes its own way from here.</summary>
    public SequenceConstraint Fork() => new(this);

    /// <summary>Sets the logits of all tokens that may not come next to −∞.</summary>
    /// <param name="logits">(vocabulary); changed in place.</param>
    /// <exception cref="ConstraintException">No token may come next, and the text may not end.</exception>
    public void Apply(Span<float> logits)
    {
        ThrowIfStuck();
        TokenMask.Keep(_mask, logits);
    }

    /// <summary>Refuses a position where no token may come next and the text may not end.</summary>
    /// <exception cref="ConstraintException">This is such a position.</exception>
    public void ThrowIfStuck()
    {
        if (_failure is not null)
        {
            throw new RequestFailedException("The constraint's matcher failed: " + _failure.Message, _failure);
        }

        if (_next.Continuations == 0 && !_next.CanEnd)
        {
            var count = _count.ToString(CultureInfo.InvariantCulture);
            throw new ConstraintException(
                $"The constraint allows none of the tokens that may come after {count} tokens, "
                + "and the text may not end there.");
        }
    }

    /// <summary>Takes a token that was chosen, not one that ends the text.</summary>
    /// <exception cref="ConstraintException">The constraint exceeds one of its limits.</exception>
    /// <exception cref="RequestFailedException">The matcher refuses a token that its mask allows.</exception>
    public void Append(int token)
    {
        if (!_matcher.TryAppend(token))
        {
            throw new RequestFailedException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The constraint's matcher refuses token {token}, which its mask allows."),
                null);
        }

        _count++;
        _next = WriteMask(_mask);
    }

    /// <summary>How many of some drafts, from the first, the constraint allows.</summary>
    public int CountAllowed(ReadOnlySpan<int> drafts)
    {
        var count = 0;
        while (count < drafts.Length && TryDraft(drafts[count]))
        {
            count++;
        }

        EndDrafts();
        return count;
    }

    /// <summary>Writes the tokens that the constraint leaves no choice about.</summary>
    /// <param name="drafts">Receives them.</param>
    /// <returns>How many there are.</returns>
    public int WriteForced(Span<int> drafts)
    {
        try
        {
            var count = _failure is null && _next.Continuations > 0 ? _matcher.WriteForcedTokens(drafts) : 0;
            return CountAllowed(drafts[..Math.Clamp(count, 0, drafts.Length)]);
        }
        catch (Exception)
        {
            return 0;
        }
    }

    /// <summary>Sets the logits of all tokens that may not come after the drafts so far to −∞.</summary>
    /// <returns>False where no draft may follow.</returns>
    public bool TryMaskDraft(Span<float> logits)
    {
        if (_drafted == 0)
        {
            TokenMask.Keep(_mask, logits);
            return _failure is null && _next.Continuations > 0;
        }

        try
        {
            _draftMask ??= new ulong[_mask.Length];
            var next = WriteMask(_draftMask);
            TokenMask.Keep(_draftMask, logits);
            return next.Continuations > 0;
        }
        catch (Exception)
        {
            return false;
        }
    }

    /// <summary>Takes a draft; false where it may not follow the drafts so far.</summary>
    public bool TryDraft(int token)
    {
        try
        {
            if (_failure is not null
                || !IsKnown(token)
                || _endIds.AsSpan().Contains(token)
                || !_matcher.TryAppend(token))
            {
                return false;
            }
        }
        catch (Exception)
        {
            return false;
        }

        _drafted++;
        return true;
    }

    /// <summary>Takes the drafts back.</summary>
    public void EndDrafts()
    {
        if (_drafted == 0)
        {
            return;
        }

        try
        {
            _matcher.RemoveLast(_drafted);
        }
        catch (Exception e)
        {
            // The matcher's place is unknown now. The request ends where it would choose its next token.
            _failure = e;
        }

        _drafted = 0;
    }

    /// <summary>Lets the matcher take tokens that an earlier request generated.</summary>
    private void Take(ReadOnlySpan<int> before)
    {
        foreach (var token in before)
        {
            _count++;
            if (!IsKnown(token) || !_matcher.TryAppend(token))
            {
                throw new ConstraintException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"The constraint does not allow token {token}, number {_count} of those generated before."));
            }
        }
    }

    private bool IsKnown(int token) =>
        token < Math.Min(_matcherTokens, _vocabSize) && (_allowedIds is null || TokenMask.Contains(_allowedIds, token));

    private Next WriteMask(Span<ulong> mask)
    {
        mask.Clear();
        _matcher.WriteMask(mask[..TokenMask.Words(_matcherTokens)]);
        TokenMask.ClearFrom(mask, Math.Min(_matcherTokens, _vocabSize));
        foreach (var id in _endIds)
        {
            mask[id / 64] &= ~(1UL << (id % 64));
        }

        for (var i = 0; i < _allowedIds?.Length; i++)
        {
            mask[i] &= _allowedIds[i];
        }

        var continuations = TokenMask.Count(mask);
        var canEnd = _matcher.CanEnd;
        var ends = 0;
        foreach (var id in canEnd ? _endIds : [])
        {
            if (_allowedIds is null || TokenMask.Contains(_allowedIds, id))
            {
                mask[id / 64] |= 1UL << (id % 64);
                ends++;
            }
        }

        return new Next(continuations, canEnd, continuations + ends == 1 ? First(mask) : null);
    }

    private static int First(ReadOnlySpan<ulong> mask)
    {
        var word = mask.IndexOfAnyExcept(0UL);
        return (word * 64) + BitOperations.TrailingZeroCount(mask[word]);
    }

    /// <param name="Continuations">Tokens that may come next and do not end the text.</param>
    /// <param name="CanEnd">Whether the text may end.</param>
    /// <param name="Only">The one id that is allowed; null where there are several, or none.</param>
    private readonly record struct Next(int Continuations, bool CanEnd, int? Only);
}
