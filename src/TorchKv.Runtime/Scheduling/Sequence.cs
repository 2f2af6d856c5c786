using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Scheduling;

/// <summary>
/// One sequence of a request: prompt, chosen tokens, drafts, and the blocks that hold their keys and values.
/// </summary>
internal sealed class Sequence
{
    private int[] _tokens;

    /// <summary>A sequence without drafts.</summary>
    /// <param name="request">The request that it belongs to.</param>
    /// <param name="index">Which of the request's samples or beams it is.</param>
    /// <param name="tokens">
    /// Its tokens. The array is never written: a longer one replaces it when a token is added.
    /// </param>
    /// <param name="blocks">Its blocks.</param>
    public Sequence(Request request, int index, int[] tokens, SequenceBlocks blocks)
    {
        Request = request;
        Index = index;
        Blocks = blocks;
        _tokens = tokens;
        Count = tokens.Length;
    }

    private Sequence(Sequence parent, int index, SequenceBlocks blocks)
    {
        Request = parent.Request;
        Index = index;
        Blocks = blocks;
        _tokens = new int[parent._tokens.Length];
        parent.Tokens.CopyTo(_tokens);
        Count = parent.Count;
        DraftCount = parent.DraftCount;
    }

    public Request Request { get; }

    /// <summary>Which of the request's samples or beams it is.</summary>
    public int Index { get; }

    /// <summary>Its blocks; <see cref="KvBlocks"/> changes them.</summary>
    public SequenceBlocks Blocks { get; }

    /// <summary>Its block table.</summary>
    public BlockTable Table => Blocks.Table;

    /// <summary>Tokens known, drafts included.</summary>
    public int Count { get; private set; }

    /// <summary>Tokens at the end that are drafts, which the next step verifies.</summary>
    public int DraftCount { get; private set; }

    /// <summary>Tokens that are certain.</summary>
    public int CommittedCount => Count - DraftCount;

    /// <summary>Certain tokens whose keys and values are still to be computed; 1 while decoding.</summary>
    public int Pending => CommittedCount - Table.TokenCount;

    /// <summary>Whether it has ended: it has no blocks and is never planned again.</summary>
    public bool IsFinished { get; private set; }

    /// <summary>Its tokens, drafts included.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Count);

    /// <summary>Its tokens without drafts.</summary>
    public ReadOnlySpan<int> Committed => _tokens.AsSpan(0, CommittedCount);

    /// <summary>Some of its tokens, valid until a token is added.</summary>
    public ReadOnlyMemory<int> Slice(int start, int length) => _tokens.AsMemory(start, length);

    /// <summary>Adds a token that was chosen.</summary>
    public void Append(int token)
    {
        if (DraftCount > 0)
        {
            throw new InvalidOperationException("Drafts must be accepted or rejected before a token is appended.");
        }

        Push(token);
    }

    /// <summary>Replaces the drafts.</summary>
    public void SetDrafts(ReadOnlySpan<int> drafts)
    {
        KeepDrafts(0);
        foreach (var token in drafts)
        {
            Push(token);
        }

        DraftCount = drafts.Length;
    }

    /// <summary>Keeps the first drafts and drops the rest.</summary>
    public void KeepDrafts(int kept)
    {
        Count -= DraftCount - kept;
        DraftCount = kept;
    }

    /// <summary>Accepts the first draft: it is a certain token from now on.</summary>
    public void AcceptDraft() => DraftCount--;

    /// <summary>A sequence that continues where this one is.</summary>
    /// <param name="index">Which of the request's samples or beams the new one is.</param>
    /// <param name="blocks">Its blocks, which hold the same tokens.</param>
    public Sequence Fork(int index, SequenceBlocks blocks) => new(this, index, blocks);

    /// <summary>Marks it as ended and drops its drafts; its blocks must have been released.</summary>
    public void End()
    {
        KeepDrafts(0);
        IsFinished = true;
    }

    private void Push(int token)
    {
        if (Count == _tokens.Length)
        {
            Array.Resize(ref _tokens, Math.Max(16, _tokens.Length * 2));
        }

        _tokens[Count++] = token;
    }
}
